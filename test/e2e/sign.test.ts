import { createPublicKey, verify } from "node:crypto";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { expect, onTestFinished, test } from "vitest";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { json, startTestApp, type TestApp } from "../help/app.ts";
import { call } from "../help/call.ts";
import { recordingUpstream } from "../help/raw.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** `sign`, from the whole sidecar to an app that verifies: on every try, whether the caller waits or not. */

const OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET_KEY = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC_KEY = "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
const BODY = '{"quiz":"Größe"}';

/** Fails the first of each request, five seconds of the day go by, and the second is good. */
async function setUp(sign: string, route: string): Promise<{ app: TestApp; sidecar: Sidecar }> {
  const clock: Clock & { at: number } = { ...systemClock, at: Date.now(), wall: () => clock.at };
  const app = await startTestApp((got, res, n) => {
    clock.at += 5_000;
    json(n === 0 ? 500 : 200, {})(got, res, n);
  });
  onTestFinished(() => app.stop());
  const sidecar = await startSidecar(
    `apps: { quiz: { owner: a@b.example, url: "${app.url}", sign: ${sign}, ` +
      `retry: { initial: 1ms, max: 5ms, repeat: always }, webhooks: { hook: { path: /hook, ${route} } } } }\n`,
    { clock },
  );
  onTestFinished(() => sidecar.stop());
  return { app, sidecar };
}

test.each(["sync", "async"])("%s: HMAC and ed25519 sign each try, under one id, each at its own time", async (mode) => {
  const { app, sidecar } = await setUp(`{ secrets: ["${SECRET_KEY}", "${OLD}"] }`, `mode: ${mode}`);
  await call(`${sidecar.url}/quiz/hook`, { body: BODY, headers: { "X-Request-ID": "req-1" } });
  await app.received(2);
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: PUBLIC_KEY.replaceAll("+", "-").replaceAll("/", "_").replace("=", "") },
    format: "jwk",
  });
  const times = app.got.map(({ headers, body }) => {
    const fields = headers as Record<string, string>;
    const { "webhook-id": id, "webhook-timestamp": time = "", "webhook-signature": signatures = "" } = fields;
    expect([id, body.toString()]).toEqual(["req-1", BODY]);
    expect(new Webhook(OLD).verify(BODY, fields)).toEqual(JSON.parse(BODY));
    const [v1a = ""] = signatures.split(" ");
    const message = Buffer.from(`req-1.${time}.${BODY}`);
    expect(v1a.startsWith("v1a,")).toBe(true);
    expect(verify(null, message, key, Buffer.from(v1a.slice(4), "base64"))).toBe(true);
    return Number(time);
  });
  expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 5]);
});

test.each(["sync", "async"])(
  "%s: the platform's scheme signs each try at its own time, in place of what the caller sent under its name",
  async (mode) => {
    const { app, sidecar } = await setUp("{ scheme: platform, secrets: [new secret, old secret] }", `mode: ${mode}`);
    const own = { "X-Platform-Signature": "t=1,v1=forged", "webhook-id": "theirs", "webhook-signature": "v1,theirs" };
    await call(`${sidecar.url}/quiz/hook`, { body: BODY, headers: own });
    await app.received(2);
    const { signature } = new Stripe("unused").webhooks;
    const times = app.got.map(({ headers }) => {
      const header = String(headers["x-platform-signature"]);
      expect(signature?.verifyHeader(BODY, header, "new secret", 300)).toBe(true);
      // Those of another scheme are the platform's own, and pass.
      expect([headers["webhook-id"], headers["webhook-signature"]]).toEqual(["theirs", "v1,theirs"]);
      return Number(/^t=(\d+),/.exec(header)?.[1]);
    });
    expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 5]);
  },
);

test("a webhook-id of our own is no key of the caller's: a POST that may have arrived is not sent again for it", async () => {
  const upstream = await recordingUpstream(() => ({ bytes: "", end: "reset" }));
  onTestFinished(() => upstream.stop());
  const sidecar = await startSidecar(
    `apps: { quiz: { owner: a@b.example, url: "${upstream.url}", sign: { secrets: ["${OLD}"] }, ` +
      "retry: { initial: 1ms, attempts: 2 }, webhooks: { hook: /hook } } }\n",
  );
  onTestFinished(() => sidecar.stop());
  const url = `${sidecar.url}/quiz/hook`;
  expect(await call(url, { body: BODY })).toMatchObject({ status: 502, outcome: "failed;reason=reset" });
  expect(upstream.requests()).toHaveLength(1);
  expect(await sidecar.event("request.completed")).toMatchObject({ denied: "not_repeatable" });
  await call(url, { body: BODY, headers: { "webhook-id": "msg_1" } });
  expect(upstream.requests()).toHaveLength(3);
});
