import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startTestApp, type TestApp } from "../help/app.ts";
import { call, post } from "../help/call.ts";
import { type Dns, startDns, type Zone } from "../help/dns.ts";
import { upstreamMoved } from "../help/events.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** The whole sidecar with a name server of its own: what each kind of call meets at a forbidden address. */

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

interface Rig {
  readonly dns: Dns;
  readonly app: TestApp;
  readonly sidecar: Sidecar;
}

async function start(yaml: (port: number) => string, zones: Readonly<Record<string, readonly Zone[]>>): Promise<Rig> {
  const dns = await startDns(zones);
  cleanUp.push(dns.stop);
  const app = await startTestApp();
  cleanUp.push(app.stop);
  const sidecar = await startSidecar(yaml(app.port), { lookup: dns.lookup });
  cleanUp.push(sidecar.stop);
  return { dns, app, sidecar };
}

const HERE: Zone = { a: ["127.0.0.1"] };
const REFUSED: Zone = { a: ["10.11.12.13"] };
const WHY =
  "10.11.12.13 (of app.test) is a private address: add 10.0.0.0/8 to egress.allow, or network: private to the app";

function quiz(port: number, webhook: string, app = "network: public"): string {
  return `
egress: { allow: [127.0.0.1] }
apps:
  quiz: { owner: dev@quiz.example, url: "http://app.test:${port}", ${app}, webhooks: { answer: { path: /answer, ${webhook} } } }
`;
}

test("a sync call to a forbidden address is 502 at once, unrepeated, and its caller learns nothing of the inside", async () => {
  const { sidecar, app, dns } = await start((port) => quiz(port, "retry: { attempts: 3, repeat: always }"), {
    "app.test": [REFUSED],
  });
  const { status, headers, outcome, text } = await post(`${sidecar.url}/quiz/answer`, {});
  expect([status, outcome]).toEqual([502, "failed;reason=egress"]);
  expect(headers["proxy-status"]).toMatch(/^outrigger; error=destination_ip_prohibited; details="[^"]+"$/);
  expect(JSON.parse(text)).toMatchObject({ status: 502, reason: "egress", app: "quiz" });
  expect(JSON.stringify(headers) + text).not.toContain("10.11.12.13");
  const { attempts, retries } = await sidecar.event("request.completed");
  expect(attempts).toMatchObject([{ reason: "egress", worth: "ignored", detail: WHY }]);
  expect([retries, dns.asked("app.test"), app.got.length]).toEqual([[], 1, 0]);
  sidecar.app.flushLog();
  expect(readFileSync(join(sidecar.dir, "logs", "log"), "utf8")).toContain(WHY);
});

test("a refusal is nothing that the breaker counts, and a fallback answers in its place", async () => {
  const webhook = "breaker: { failures: 1 }, fallback: { strategy: static, body: { from: fallback } }";
  const { sidecar, app, dns } = await start((port) => quiz(port, webhook), { "app.test": [REFUSED] });
  for (let i = 0; i < 3; i++) {
    const { status, outcome, text } = await post(`${sidecar.url}/quiz/answer`, {});
    expect([status, outcome]).toEqual([200, "fallback;reason=egress;strategy=static"]);
    expect(text).toContain("fallback");
  }
  dns.put("app.test", HERE);
  expect((await post(`${sidecar.url}/quiz/answer`, {})).outcome).toBe("ok");
  expect(app.got).toHaveLength(1);
});

test("a name that turns to a forbidden address is refused at its next connection", async () => {
  const { sidecar, app, dns } = await start((port) => quiz(port, "retry: { attempts: 1 }"), {
    "app.test": [HERE, { a: ["127.0.0.9"] }],
  });
  app.behave((_got, res) => {
    res.writeHead(200, { Connection: "close" });
    res.end("{}");
  });
  expect((await post(`${sidecar.url}/quiz/answer`, {})).outcome).toBe("ok");
  await app.idle();
  expect((await post(`${sidecar.url}/quiz/answer`, {})).outcome).toBe("failed;reason=egress");
  expect([dns.asked("app.test"), app.got.length]).toEqual([2, 1]);
});

test("a job for a forbidden address is tried again, and ends as a dead letter that says why", async () => {
  const webhook = "mode: async, retry: { attempts: 2, initial: 10ms, max: 10ms }";
  const { sidecar } = await start((port) => quiz(port, webhook), { "app.test": [REFUSED] });
  const { status } = await post(`${sidecar.url}/quiz/answer`, {});
  expect(status).toBe(202);
  expect(await sidecar.event("delivery.retry")).toMatchObject({ reason: "egress", attempts: 1 });
  expect(await sidecar.event("dlq.added")).toMatchObject({
    reason: "attempts_exhausted",
    detail: `egress: ${WHY}`,
    sends: 2,
  });
});

test("a job whose name comes to a good address meanwhile is delivered", async () => {
  const webhook = "mode: async, retry: { attempts: 3, initial: 10ms, max: 10ms }";
  const { sidecar, app } = await start((port) => quiz(port, webhook), { "app.test": [REFUSED, HERE] });
  await post(`${sidecar.url}/quiz/answer`, {});
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ sends: 2 });
  expect(app.got).toHaveLength(1);
});

test.each(["sync", "async"])("a %s call moves at once from a forbidden primary to its backup", async (mode) => {
  const { sidecar, app } = await start(
    (port) => `
apps:
  quiz:
    owner: dev@quiz.example
    upstreams:
      - { name: primary, url: "http://app.test:${port}", priority: 0 }
      - { name: backup, url: "http://backup.test:${port}", priority: 1 }
    health: { interval: 2s, timeout: 1s }
    network: private
    webhooks: { answer: { path: /answer, mode: ${mode} } }
`,
    { "app.test": [{ a: ["8.8.8.8"] }], "backup.test": [HERE] },
  );
  await post(`${sidecar.url}/quiz/answer`, {});
  await app.received(1);
  if (mode === "sync") {
    const { attempts, outcome } = await sidecar.event("request.completed");
    expect(outcome).toBe("ok");
    expect(attempts.map(({ upstream, reason }) => [upstream, reason])).toEqual([
      ["primary", "egress"],
      ["backup", null],
    ]);
  } else expect(await sidecar.event("delivery.delivered")).toMatchObject({ upstream: "backup" });
});

test("whether a job was done is asked at no forbidden address either", async () => {
  const poll = `verify: { poll: { path: /jobs/1, until: { pointer: /state, in: [done] }, interval: 20ms, timeout: 60ms } }`;
  const { sidecar, app } = await start((port) => quiz(port, `mode: async, retry: { attempts: 1 }, ${poll}`), {
    "app.test": [HERE, REFUSED],
  });
  expect((await post(`${sidecar.url}/quiz/answer`, {})).status).toBe(202);
  const { reason, detail } = await sidecar.event("dlq.added");
  expect([reason, detail]).toEqual(["verification_failed", `in time: egress: ${WHY}`]);
  expect(app.got.map(({ method }) => method)).toEqual(["POST"]);
});

test("probes find a primary that may not be dialled unhealthy, say why, and traffic leaves it", async () => {
  const { sidecar, dns } = await start(
    (port) => `
apps:
  quiz:
    owner: dev@quiz.example
    upstreams:
      - { name: primary, url: "http://app.test:${port}", priority: 0 }
      - { name: backup, url: "http://127.0.0.1:${port}", priority: 1 }
    health: { interval: 100ms, timeout: 1s, fast_interval: 50ms, unhealthy_after: 2 }
    webhooks: { answer: /answer }
`,
    { "app.test": [HERE] },
  );
  dns.put("app.test", { a: ["169.254.169.254"] });
  expect(await sidecar.event("failover")).toMatchObject({ from: "primary", to: "backup", reason: "probe" });
  const health = await call(`${sidecar.adminUrl}/api/v1/admin/health/apps/quiz`, {
    method: "GET",
    headers: { Authorization: `Bearer ${readFileSync(join(sidecar.dir, "data", "admin-token"), "utf8").trim()}` },
  });
  expect(health.text).toContain("169.254.169.254 (of app.test) is the metadata address of a cloud");
});

test("a passthrough request and a WebSocket to a forbidden address are refused alike", async () => {
  const { sidecar, app } = await start((port) => quiz(port, "mode: passthrough"), { "app.test": [REFUSED] });
  const web = await call(`${sidecar.url}/quiz/answer`, { body: "x" });
  expect([web.status, web.outcome]).toEqual([502, "failed;reason=egress"]);
  const socket = connect(sidecar.port, "127.0.0.1");
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
  socket.write(
    `GET /quiz/answer HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
  );
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString("latin1");
  });
  await once(socket, "close");
  expect(answer).toMatch(/^HTTP\/1\.1 502 /);
  expect(answer).toMatch(/\r\nOutrigger-Outcome: failed;reason=egress\r\n/);
  expect(answer).toMatch(/\r\nProxy-Status: outrigger; error=destination_ip_prohibited; /);
  expect(answer).not.toContain("10.11.12.13");
  expect(app.got).toHaveLength(0);
});

test("a notification to a forbidden address fails, and the log says why", async () => {
  const channel = (port: number): string =>
    `notify:
  channels: { hook: { type: http, url: "http://hook.test:${port}/", retry: { attempts: 2, initial: 1ms, max: 1ms } } }
  routes: [{ on: [failover], to: [hook] }]
`;
  const { sidecar, app, dns } = await start((port) => quiz(port, "mode: sync") + channel(port), {
    "hook.test": [{ a: ["169.254.169.254"] }],
  });
  sidecar.app.bus.emit(upstreamMoved());
  const logged = (): string => {
    sidecar.app.flushLog();
    return readFileSync(join(sidecar.dir, "logs", "log"), "utf8");
  };
  await expect
    .poll(logged)
    .toContain("could not tell hook of failover of quiz: 169.254.169.254 (of hook.test) is the metadata address");
  expect(dns.asked("hook.test")).toBe(2);
  dns.put("hook.test", HERE);
  sidecar.app.bus.emit(upstreamMoved());
  await app.received(1);
  // The rule of the manifest in force, however long ago the notifier began.
  sidecar.write(`egress: { deny: [127.0.0.0/8] }\n${channel(app.port)}`);
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  sidecar.app.bus.emit(upstreamMoved());
  await expect.poll(logged).toContain("127.0.0.1 (of hook.test) is in 127.0.0.0/8, which egress.deny closes");
  expect(app.got).toHaveLength(1);
});

test("a reload that closes an address ends its pooled connections, and the next call is refused; and back", async () => {
  const yaml = (port: number, egress: string): string => `
egress: { ${egress} }
apps:
  quiz: { owner: dev@quiz.example, url: "http://app.test:${port}", webhooks: { answer: /answer } }
`;
  const { sidecar, app } = await start((port) => yaml(port, "default: any"), { "app.test": [HERE] });
  const ask = async (): Promise<string> => (await post(`${sidecar.url}/quiz/answer`, {})).outcome;
  expect(await ask()).toBe("ok");
  expect(app.connections()).toBe(1);
  sidecar.write(yaml(app.port, "default: any, deny: [127.0.0.0/8]"));
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  await app.idle();
  expect(await ask()).toBe("failed;reason=egress");
  sidecar.write(yaml(app.port, "default: public"));
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  expect(await ask()).toBe("failed;reason=egress");
  sidecar.write(yaml(app.port, "default: public, allow: [127.0.0.1]"));
  expect(await sidecar.app.reload("test")).toMatchObject({ ok: true });
  expect(await ask()).toBe("ok");
});
