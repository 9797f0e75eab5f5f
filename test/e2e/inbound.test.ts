import { createHmac, randomBytes } from "node:crypto";
import { sign as githubSign } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import {
  type RawMessage,
  type RecordingUpstream,
  rawExchange,
  recordingUpstream,
  statusOf,
  values,
} from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** `inbound`, from the bytes of the caller to those of the app: what is not signed reaches nothing. */

const AT = 1_764_000_000_000;
const NOW = AT / 1000;

/** The machine's clock, but for the time of day, which the test sets. */
function wallClock(): Clock & { at: number } {
  const clock = { ...systemClock, at: AT, wall: () => clock.at };
  return clock;
}

interface Rig {
  readonly upstream: RecordingUpstream;
  readonly sidecar: Sidecar;
  readonly clock: { at: number };
  /** Sends the requests on one connection, without waiting for the answers in between. */
  ask(...requests: readonly Buffer[]): Promise<readonly RawMessage[]>;
  manifest(inbound: string, more?: string): string;
}

async function setUp(inbound: string, more = ""): Promise<Rig> {
  const upstream = await recordingUpstream();
  onTestFinished(() => upstream.stop());
  const clock = wallClock();
  const manifest = (verify: string, keys = more): string =>
    `apps: { quiz: { owner: a@b.example, url: "${upstream.url}", context: { room: { body: /room } }, webhooks: ` +
    `{ hook: { path: /hook, ${verify}${keys && `, ${keys}`} } } } }\n`;
  const sidecar = await startSidecar(manifest(inbound), { clock });
  onTestFinished(() => sidecar.stop());
  const ask = async (...requests: readonly Buffer[]): Promise<readonly RawMessage[]> =>
    (await rawExchange(sidecar.port, Buffer.concat(requests), { responses: requests.length })).messages;
  return { upstream, sidecar, clock, ask, manifest };
}

type Headers = Readonly<Record<string, string>>;

function request(headers: Headers, body: string | Buffer, method = "POST"): Buffer {
  const bytes = Buffer.from(body);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} /quiz/hook HTTP/1.1\r\nHost: a\r\n${lines.join("")}Content-Length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), bytes]);
}

const BODY = '{"room":"42","text":"Größe"}';
const WEBHOOK = `whsec_${randomBytes(24).toString("base64")}`;

function hex(...parts: readonly string[]): string {
  return createHmac("sha256", "a secret").update(parts.join("")).digest("hex");
}

/** Each scheme: its keys in the manifest, the headers that its sender adds, and one of them to break. */
const SCHEMES: Readonly<
  Record<string, { inbound: string; headers: () => Promise<Headers> | Headers; forged: string }>
> = {
  github: {
    inbound: "inbound: { verify: github, secrets: [a secret] }",
    headers: async () => ({ "X-Hub-Signature-256": await githubSign("a secret", BODY) }),
    forged: `sha256=${"0".repeat(64)}`,
  },
  stripe: {
    inbound: "inbound: { verify: stripe, secrets: [a secret] }",
    headers: () => ({
      "Stripe-Signature": new Stripe("unused").webhooks.generateTestHeaderString({
        payload: BODY,
        secret: "a secret",
        timestamp: NOW,
      }),
    }),
    forged: `t=${NOW},v1=${"0".repeat(64)}`,
  },
  slack: {
    inbound: "inbound: { verify: slack, secrets: [a secret] }",
    headers: () => ({
      "X-Slack-Signature": `v0=${hex(`v0:${NOW}:`, BODY)}`,
      "X-Slack-Request-Timestamp": String(NOW),
    }),
    forged: `v0=${"0".repeat(64)}`,
  },
  "standard-webhooks": {
    inbound: `inbound: { verify: standard-webhooks, secrets: ["${WEBHOOK}"] }`,
    headers: () => ({
      "webhook-signature": new Webhook(WEBHOOK).sign("msg_1", new Date(AT), BODY),
      "webhook-id": "msg_1",
      "webhook-timestamp": String(NOW),
    }),
    forged: `v1,${Buffer.alloc(32).toString("base64")}`,
  },
  hmac: {
    inbound: "inbound: { verify: hmac, secrets: [a secret], header: X-Sum }",
    headers: () => ({ "X-Sum": hex(BODY) }),
    forged: "0".repeat(64),
  },
};

for (const mode of ["sync", "async"]) {
  test.each(Object.entries(SCHEMES))(
    `${mode}: a request with %s's signature reaches the app, a forged one nothing`,
    async (_name, scheme) => {
      const { upstream, sidecar, ask } = await setUp(scheme.inbound, `mode: ${mode}`);
      const headers = await scheme.headers();
      const [name = ""] = Object.keys(headers);
      const { [name]: _gone, ...bare } = headers;
      const refused = await ask(
        request({ ...headers, [name]: scheme.forged }, BODY),
        request(headers, BODY.replace("42", "43")),
        request(bare, BODY),
        request({ ...headers, [name]: "nonsense" }, BODY),
        request(
          { ...headers, [name.toLowerCase()]: headers[name] ?? "", [name.toUpperCase()]: headers[name] ?? "" },
          BODY,
        ),
      );
      expect(refused.map(statusOf)).toEqual([401, 401, 401, 401, 401]);
      for (const {
        headers: [...own],
        body,
      } of refused) {
        expect(own).toEqual(expect.arrayContaining(["application/problem+json", "rejected;reason=signature"]));
        expect(JSON.parse(body.toString())).toMatchObject({
          type: "urn:outrigger:problem:signature",
          reason: "signature",
        });
      }
      expect([upstream.connections(), sidecar.app.heldBytes(), sidecar.app.inFlight()]).toEqual([0, 0, 0]);
      // On the same connection: a refusal costs the caller no more than that.
      const [again, good] = await ask(request(bare, BODY), request(headers, BODY));
      expect([statusOf(again), statusOf(good)]).toEqual([401, mode === "sync" ? 200 : 202]);
      await upstream.received(1);
      const [got] = upstream.requests();
      expect(got?.body.toString()).toBe(BODY);
      // The platform's own signature goes through as it is.
      for (const [own, value] of Object.entries(headers))
        expect(values(got as RawMessage, own.toLowerCase())).toEqual([value]);
      const stored = sidecar.events.filter((event) => event.type === "delivery.queued");
      expect([upstream.requests().length, stored.length]).toEqual([1, mode === "sync" ? 0 : 1]);
    },
  );
}

test("a refused request is told as rejected, with no label from a body that nobody vouches for, and counted", async () => {
  const { sidecar, ask } = await setUp("inbound: { verify: github, secrets: [a secret] }");
  const good = { "X-Hub-Signature-256": await githubSign("a secret", BODY) };
  await ask(request({}, BODY), request({ "X-Hub-Signature-256": "sha256=0" }, BODY), request(good, BODY));
  const told = sidecar.events.filter((event) => event.type === "request.completed");
  const rejected = { outcome: "rejected", reason: "signature", status: 401, attempts: [] };
  expect(told).toMatchObject([rejected, rejected, { outcome: "ok" }]);
  expect(told.map(({ labels }) => labels.room)).toEqual([undefined, undefined, "42"]);
  const scrape = await (await fetch(`${sidecar.adminUrl}/metrics`)).text();
  expect(scrape).toContain('outrigger_rejected_total{app="quiz",reason="signature"} 2');
});

test("a forged request leaves no idempotency key behind, and takes no part in those that are there", async () => {
  for (const mode of ["sync", "async"]) {
    const { upstream, ask } = await setUp(
      "inbound: { verify: github, secrets: [a secret] }",
      `mode: ${mode}, idempotency: { ttl: 1h }`,
    );
    const key = { "Idempotency-Key": "k1" };
    const good = { ...key, "X-Hub-Signature-256": await githubSign("a secret", BODY) };
    const forged = { ...key, "X-Hub-Signature-256": `sha256=${"0".repeat(64)}` };
    const statuses: number[] = [];
    // One after the other: the first with a key must be over before its repeat gets its answer.
    for (const each of [request(forged, "other"), request(good, BODY), request(forged, BODY), request(good, BODY)]) {
      statuses.push(...(await ask(each)).map(statusOf));
    }
    const ok = mode === "sync" ? 200 : 202;
    expect(statuses).toEqual([401, ok, 401, ok]);
    await upstream.received(1);
    expect(upstream.requests().map(({ body }) => body.toString())).toEqual([BODY]);
  }
});

test("a body of 100 kB in chunks is refused, given back, and the connection goes on", async () => {
  const { upstream, sidecar, ask } = await setUp("inbound: { verify: github, secrets: [a secret] }");
  const head =
    "POST /quiz/hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Hub-Signature-256: sha256=0\r\n\r\n";
  const chunk = Buffer.concat([Buffer.from("2710\r\n"), Buffer.alloc(10_000, "x"), Buffer.from("\r\n")]);
  const large = Buffer.concat([Buffer.from(head), ...Array<Buffer>(10).fill(chunk), Buffer.from("0\r\n\r\n")]);
  const good = request({ "X-Hub-Signature-256": await githubSign("a secret", BODY) }, BODY);
  const answers = await ask(large, good);
  expect(answers.map(statusOf)).toEqual([401, 200]);
  expect([upstream.requests().length, sidecar.app.heldBytes()]).toEqual([1, 0]);
});

test("bytes that are no text are verified as they are", async () => {
  const { upstream, ask } = await setUp("inbound: { verify: hmac, secrets: [a secret], header: X-Sum }");
  const body = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), randomBytes(70_000)]);
  const sum = createHmac("sha256", "a secret").update(body).digest("base64");
  const changed = Buffer.from(body);
  changed[69_999] = (body[69_999] ?? 0) ^ 1;
  const answers = await ask(request({ "X-Sum": sum }, changed), request({ "X-Sum": sum }, body));
  expect(answers.map(statusOf)).toEqual([401, 200]);
  expect(upstream.requests().map((got) => got.body.equals(body))).toEqual([true]);
});

test("a recorded request is good for as long as the tolerance says, and not before its time either", async () => {
  const { clock, ask } = await setUp("inbound: { verify: stripe, secrets: [a secret], tolerance: 1m }");
  const headers = await (SCHEMES.stripe?.headers() ?? {});
  const at = async (seconds: number): Promise<number> => {
    clock.at = AT + seconds * 1000;
    const [answer] = await ask(request(headers, BODY));
    return statusOf(answer);
  };
  const statuses: number[] = [];
  for (const seconds of [0, 60, -60, 61, -61, 86_400, 0]) statuses.push(await at(seconds));
  expect(statuses).toEqual([200, 200, 200, 401, 401, 401, 200]);
});

test("secrets change by reload: first both are good, then only the new one", async () => {
  const { sidecar, ask, manifest } = await setUp("inbound: { verify: github, secrets: [old] }");
  const statuses = async (): Promise<number[]> => {
    const signed = await Promise.all(["old", "new"].map((secret) => githubSign(secret, BODY)));
    return (await ask(...signed.map((value) => request({ "X-Hub-Signature-256": value }, BODY)))).map(statusOf);
  };
  expect(await statuses()).toEqual([200, 401]);
  for (const [secrets, expected] of [
    ["new, old", [200, 200]],
    ["new", [401, 200]],
  ] as const) {
    sidecar.write(manifest(`inbound: { verify: github, secrets: [${secrets}] }`));
    expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
    expect(await statuses()).toEqual(expected);
  }
});

test.each(["sync", "async", "passthrough"])(
  "%s: without a token nobody is asked for a body, and the app sees nothing",
  async (mode) => {
    const { upstream, sidecar, ask } = await setUp(
      "inbound: { verify: bearer, secrets: [token-one, token-two] }",
      `mode: ${mode}`,
    );
    // The body is announced and never sent: the answer must come without it.
    const head = (more: string): string =>
      `POST /quiz/hook HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n${more}\r\n`;
    for (const [more, error] of [
      ["", null],
      ["Authorization: Bearer wrong\r\n", "invalid_token"],
      ["Authorization: Basic token-one\r\n", "invalid_token"],
      ["Authorization: Bearer token-one\r\nAuthorization: Bearer token-one\r\n", "invalid_token"],
    ] as const) {
      const { messages, closed } = await rawExchange(sidecar.port, head(more));
      expect([messages.map(statusOf), closed]).toEqual([[401], true]);
      const challenge = `Bearer realm="outrigger"${error === null ? "" : `, error="${error}"`}`;
      expect(values(messages[0] as RawMessage, "www-authenticate")).toEqual([challenge]);
      expect(JSON.parse(messages[0]?.body.toString() ?? "")).toMatchObject({ type: "urn:outrigger:problem:token" });
    }
    expect([upstream.connections(), sidecar.app.heldBytes(), sidecar.app.inFlight()]).toEqual([0, 0, 0]);
    const answers = await ask(
      request({}, BODY),
      request({ Authorization: "Bearer token-two" }, BODY),
      request({ authorization: "bearer token-one" }, BODY),
    );
    const ok = mode === "async" ? 202 : 200;
    expect(answers.map(statusOf)).toEqual([401, ok, ok]);
    await upstream.received(2);
    expect(upstream.requests().map(({ body }) => body.toString())).toEqual([BODY, BODY]);
  },
);

test("a WebSocket without a good token is refused with a real status, and the app sees nothing of it", async () => {
  const { upstream, sidecar } = await setUp("inbound: { verify: bearer, secrets: [token-one] }", "mode: passthrough");
  const upgrade = (authorization: string): string =>
    "GET /quiz/hook HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${authorization}\r\n`;
  const refused = await rawExchange(sidecar.port, upgrade("Authorization: Bearer wrong\r\n"));
  expect([refused.messages.map(statusOf), refused.closed]).toEqual([[401], true]);
  const stripped = await rawExchange(
    sidecar.port,
    upgrade("Authorization: Bearer token-one\r\nConnection: authorization\r\n"),
  );
  expect([stripped.messages.map(statusOf), stripped.closed]).toEqual([[400], true]);
  expect(upstream.connections()).toBe(0);
  const asked = await rawExchange(sidecar.port, upgrade("Authorization: Bearer token-one\r\n"), { responses: 1 });
  expect(asked.messages.map(statusOf)).toEqual([200]);
  expect(upstream.connections()).toBe(1);
});

test("where we sign with the names of what we verified, the app gets ours alone, under the caller's id", async () => {
  const ours = `whsec_${randomBytes(24).toString("base64")}`;
  const upstream = await recordingUpstream();
  onTestFinished(() => upstream.stop());
  const sidecar = await startSidecar(
    `apps: { quiz: { owner: a@b.example, url: "${upstream.url}", sign: { secrets: ["${ours}"] }, webhooks: ` +
      `{ hook: { path: /hook, inbound: { verify: standard-webhooks, secrets: ["${WEBHOOK}"] } } } } }\n`,
  );
  onTestFinished(() => sidecar.stop());
  const at = new Date();
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(WEBHOOK).sign("msg_1", at, BODY),
  };
  const { messages } = await rawExchange(sidecar.port, request(headers, BODY), { responses: 1 });
  expect(messages.map(statusOf)).toEqual([200]);
  const [got] = upstream.requests();
  const arrived = Object.fromEntries(Object.keys(headers).map((name) => [name, values(got as RawMessage, name)]));
  expect(arrived).toMatchObject({ "webhook-id": ["msg_1"], "webhook-timestamp": [expect.any(String)] });
  const flat = Object.fromEntries(Object.entries(arrived).map(([name, [value = ""]]) => [name, value]));
  expect(new Webhook(ours).verify(BODY, flat)).toEqual(JSON.parse(BODY));
  expect(() => new Webhook(WEBHOOK).verify(BODY, flat)).toThrow("No matching signature");
});
