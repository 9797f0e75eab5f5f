import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Behaviour, hang, json, startTestApp, type TestApp } from "../help/app.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** The asynchronous path, whole: real files, real sockets. */

const FAST_RETRY = "retry: { initial: 20ms, max: 50ms, attempts: 3 }";

async function setup(
  route: string,
  behaviour?: Behaviour,
  more = "",
  given: Parameters<typeof startSidecar>[1] = {},
): Promise<{ app: TestApp; sidecar: Sidecar }> {
  const app = await startTestApp(behaviour);
  onTestFinished(() => app.stop());
  const sidecar = await startSidecar(
    `${more}apps: { quiz: { owner: a@b.example, url: "${app.url}", webhooks: { later: ${route} } } }\n`,
    given,
  );
  onTestFinished(() => sidecar.stop());
  return { app, sidecar };
}

interface Accepted {
  readonly id: string;
  readonly status: string;
  readonly duplicate: boolean;
}

async function post(sidecar: Sidecar, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${sidecar.url}/quiz/later`, { method: "POST", body: Buffer.from(body), headers });
}

async function accepted(response: Response): Promise<Accepted> {
  expect(response.status).toBe(202);
  return (await response.json()) as Accepted;
}

async function admin(sidecar: Sidecar, path: string, method = "GET", body?: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${sidecar.adminUrl}/api/v1/admin${path}`, {
    method,
    headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

const TOKEN = "a-token-of-the-test";
const ADMIN = `admin: { tokens: [{ name: ops, role: operator, token: ${TOKEN} }] }\n`;

test("a request is acknowledged with 202, an id and a place to ask, and the app gets it", async () => {
  const { app, sidecar } = await setup("{ mode: async, path: /hook }");
  const response = await post(sidecar, '{"n":1}', { "Content-Type": "application/json", "X-Own": "kept" });
  const { id, status, duplicate } = await accepted(response);
  expect({ status, duplicate }).toEqual({ status: "queued", duplicate: false });
  expect(response.headers.get("location")).toBe(`/.outrigger/deliveries/${id}`);
  expect(response.headers.get("x-request-id")).toBe(id);
  expect(response.headers.get("outrigger-outcome")).toBe("queued");
  await sidecar.event("delivery.delivered");
  const [got] = app.got;
  expect(got?.url).toBe("/hook");
  expect(got?.body.toString()).toBe('{"n":1}');
  expect(got?.headers).toMatchObject({
    "x-own": "kept",
    "x-request-id": id,
    "x-retry-attempt": "0",
    "x-max-attempts": "3",
  });
  const told = await (await fetch(`${sidecar.url}/.outrigger/deliveries/${id}`)).json();
  expect(told).toMatchObject({ id, status: "delivered", attempts: 1 });
});

test("of an id that is unknown, nothing is told; and only GET and HEAD may ask", async () => {
  const { sidecar } = await setup("{ mode: async, path: /hook }");
  const unknown = `${sidecar.url}/.outrigger/deliveries/018bcfe5-6800-7abc-8000-0123456789ab`;
  expect((await fetch(unknown)).status).toBe(404);
  expect((await fetch(`${sidecar.url}/.outrigger/deliveries/x`)).status).toBe(404);
  expect((await fetch(unknown, { method: "POST" })).status).toBe(405);
});

test.each([
  ["random bytes", randomBytes(4096)],
  ["nothing", Buffer.alloc(0)],
  ["as much as the limit allows", randomBytes(1_048_576)],
  ["no JSON", Buffer.from("a=1&b=2")],
])("a body of %s arrives byte for byte", async (_name, body) => {
  const { app, sidecar } = await setup("{ mode: async, path: /hook }");
  await accepted(await post(sidecar, body));
  await sidecar.event("delivery.delivered");
  expect(app.got[0]?.body.equals(body)).toBe(true);
});

test("a failing app is tried again, with the same id, until it answers", async () => {
  const { app, sidecar } = await setup(`{ mode: async, path: /hook, ${FAST_RETRY} }`, (got, res, n) =>
    json(n < 2 ? 500 : 200, {})(got, res, n),
  );
  const { id } = await accepted(await post(sidecar, "x"));
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id, sends: 3 });
  expect(app.got.map(({ headers }) => headers["x-retry-attempt"])).toEqual(["0", "1", "2"]);
  expect(new Set(app.got.map(({ headers }) => headers["x-request-id"]))).toEqual(new Set([id]));
});

test("a permanent answer sends the job to the dead-letter queue at once; a retry by an operator delivers it", async () => {
  const { app, sidecar } = await setup(`{ mode: async, path: /hook, ${FAST_RETRY} }`, json(422, { no: 1 }), ADMIN);
  const { id } = await accepted(await post(sidecar, "x", { Authorization: "Bearer secret" }));
  expect(await sidecar.event("dlq.added")).toMatchObject({ id, reason: "permanent_status", sends: 1 });
  expect(app.got.length).toBe(1);
  const dead = await admin(sidecar, `/dlq/${id}`);
  expect(dead).toMatchObject({ id, state: "dead", reason: "permanent_status" });
  expect(JSON.stringify(dead)).not.toContain("secret");
  app.behave(json(200, {}));
  await admin(sidecar, `/dlq/${id}/retry`, "POST", {});
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id, sends: 2 });
  expect(app.got[1]?.headers.authorization).toBe("Bearer secret");
});

test("when its attempts are over, the job is dead; the sends of an operator's retry count on past them", async () => {
  const { app, sidecar } = await setup(
    `{ mode: async, path: /hook, ${FAST_RETRY}, breaker: { enabled: false } }`,
    json(500, {}),
    ADMIN,
  );
  const { id } = await accepted(await post(sidecar, "x"));
  expect(await sidecar.event("dlq.added")).toMatchObject({ reason: "attempts_exhausted", sends: 3 });
  expect(app.got.length).toBe(3);
  app.behave(json(200, {}));
  await admin(sidecar, `/dlq/${id}/retry`, "POST", {});
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id, sends: 4 });
  expect(app.got[3]?.headers).toMatchObject({
    "x-request-id": app.got[0]?.headers["x-request-id"],
    "x-retry-attempt": "3",
    "x-max-attempts": "3",
  });
});

test("three answers of 410 park the route until an operator resumes it", async () => {
  const { app, sidecar } = await setup("{ mode: async, path: /hook }", json(410, {}), ADMIN);
  for (let i = 0; i < 3; i++) await accepted(await post(sidecar, String(i)));
  expect(await sidecar.event("route.parked")).toMatchObject({ capability: "later", cause: "gone" });
  const { id } = await accepted(await post(sidecar, "waits"));
  app.behave(json(200, {}));
  expect(await (await fetch(`${sidecar.url}/.outrigger/deliveries/${id}`)).json()).toMatchObject({ status: "parked" });
  await admin(sidecar, "/routes/quiz/later/resume", "POST", {});
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id, sends: 1 });
});

test("an open breaker parks the route and spends no attempt; when the app is back, all is delivered", async () => {
  const { app, sidecar } = await setup(
    `{ mode: async, path: /hook, ${FAST_RETRY}, breaker: { failures: 2, recovery: 300ms, successes: 1 } }`,
    json(500, {}),
  );
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) ids.push((await accepted(await post(sidecar, String(i)))).id);
  await sidecar.event("route.parked", ({ cause }) => cause === "breaker_open");
  app.behave(json(200, {}));
  for (const id of ids) await sidecar.event("delivery.delivered", (event) => event.id === id);
  expect(sidecar.events.filter(({ type }) => type === "dlq.added")).toEqual([]);
});

test("jobs of one order key are delivered one at a time, in the order they came", async () => {
  let open = 0;
  let most = 0;
  const { app, sidecar } = await setup("{ mode: async, path: /hook, order_by: { body: /key } }", (_got, res) => {
    most = Math.max(most, ++open);
    setImmediate(() => {
      open--;
      res.end("{}");
    });
  });
  for (let i = 0; i < 12; i++) await accepted(await post(sidecar, JSON.stringify({ key: "a", i })));
  await app.received(12);
  expect(app.got.map(({ body }) => (JSON.parse(body.toString()) as { i: number }).i)).toEqual([...Array(12).keys()]);
  expect(most).toBe(1);
});

test("a repeated key makes no second job; with another body it is refused", async () => {
  const { app, sidecar } = await setup("{ mode: async, path: /hook, idempotency: {} }");
  const key = { "Idempotency-Key": "k1" };
  const first = await accepted(await post(sidecar, "x", key));
  const second = await accepted(await post(sidecar, "x", key));
  expect(second).toEqual({ id: first.id, status: "queued", duplicate: true });
  expect((await post(sidecar, "y", key)).status).toBe(422);
  await sidecar.event("delivery.delivered");
  expect(app.got.length).toBe(1);
});

test("a full spool says 503 with Retry-After, and takes jobs again when it has drained", async () => {
  const { app, sidecar } = await setup("{ mode: async, path: /hook }", hang, "spool: { max_jobs: 2 }\n");
  await accepted(await post(sidecar, "1"));
  await accepted(await post(sidecar, "2"));
  const refused = await post(sidecar, "3");
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("proxy-status")).toBe("outrigger; error=proxy_internal_error");
  expect(await sidecar.event("spool.full", ({ level }) => level === "full")).toMatchObject({ bound: "jobs" });
  expect((await fetch(`${sidecar.adminUrl}/readyz`)).status).toBe(200);
  await app.received(2);
  app.behave(json(200, {}));
  await sidecar.app.stop();
});

test("a job waits for its route while no manifest has it, visibly, and goes when it is back", async () => {
  const { app, sidecar } = await setup("{ mode: async, path: /hook }", json(503, {}), ADMIN);
  const { id } = await accepted(await post(sidecar, "x"));
  await sidecar.event("delivery.retry");
  const routes = (name: string) =>
    `${ADMIN}apps: { quiz: { owner: a@b.example, url: "${app.url}", webhooks: { ${name}: { mode: async, path: /hook } } } }\n`;
  sidecar.write(routes("other"));
  await sidecar.app.reload("test");
  app.behave(json(200, {}));
  const status = await admin(sidecar, "/status");
  expect(JSON.stringify(status.spool)).toContain("no_route");
  sidecar.write(routes("later"));
  await sidecar.app.reload("test");
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id, sends: 2 });
});

test("a synchronous call of an app that is down is spooled, and the app gets it later", async () => {
  const { app, sidecar } = await setup(
    "{ path: /hook, timeout: 1s, fallback: { strategy: spool }, breaker: { enabled: false }, retry: { attempts: 1 } }",
    json(500, {}),
  );
  const response = await post(sidecar, "x", { "X-Request-ID": "own-1" });
  const { id } = await accepted(response);
  expect(response.headers.get("outrigger-outcome")).toBe("fallback;reason=status;strategy=spool");
  app.behave(json(200, {}));
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id, requestId: "own-1", sends: 2 });
  expect(app.got.at(-1)?.headers).toMatchObject({ "x-request-id": "own-1", "x-retry-attempt": "1" });
  expect(app.got.at(-1)?.headers["outrigger-in-doubt"]).toBeUndefined();
});

test("what may have arrived without an answer is sent again in doubt", async () => {
  const { app, sidecar } = await setup(
    "{ path: /hook, timeout: 1s, fallback: { strategy: pending_approval }, breaker: { enabled: false } }",
    hang,
  );
  const response = await post(sidecar, "x");
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({ success: true, data: { status: "pending_approval" } });
  app.behave(json(200, {}));
  await sidecar.event("delivery.delivered");
  expect(app.got.at(-1)?.headers["outrigger-in-doubt"]).toBe("?1");
});

test("what was acknowledged survives a restart, and so does a pause", async () => {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-again-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const { app, sidecar } = await setup("{ mode: async, path: /hook }", json(200, {}), ADMIN, { dir });
  await admin(sidecar, "/routes/quiz/later/pause", "POST", {});
  const { id } = await accepted(await post(sidecar, "x"));
  await sidecar.stop();
  const again = await startSidecar(
    `${ADMIN}apps: { quiz: { owner: a@b.example, url: "${app.url}", webhooks: { later: { mode: async, path: /hook } } } }\n`,
    { dir },
  );
  onTestFinished(() => again.stop());
  expect(await (await fetch(`${again.url}/.outrigger/deliveries/${id}`)).json()).toMatchObject({ status: "parked" });
  expect(app.got.length).toBe(0);
  await admin(again, "/routes/quiz/later/resume", "POST", {});
  expect(await again.event("delivery.delivered")).toMatchObject({ id });
});

test("a stop gives back what is under way; the next start delivers it, with no attempt spent", async () => {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-again-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const { app, sidecar } = await setup("{ mode: async, path: /hook, timeout: 60s }", hang, "", { dir });
  const { id } = await accepted(await post(sidecar, "x"));
  await app.received(1);
  await sidecar.stop();
  // Not sooner than somebody listens: it is sent before the start is over.
  const listening = Promise.withResolvers<void>();
  app.behave((...call) => void listening.promise.then(() => json(200, {})(...call)));
  const again = await startSidecar(
    `apps: { quiz: { owner: a@b.example, url: "${app.url}", webhooks: { later: { mode: async, path: /hook } } } }\n`,
    { dir },
  );
  onTestFinished(() => again.stop());
  listening.resolve();
  expect(await again.event("delivery.delivered")).toMatchObject({ id });
  expect(app.got.at(-1)?.headers["outrigger-in-doubt"]).toBe("?1");
});

test("a sync answer is replayed to whoever repeats its key", async () => {
  const { app, sidecar } = await setup("{ path: /hook, idempotency: {} }", (_got, res, n) => res.end(`{"n":${n}}`));
  const key = { "Idempotency-Key": "k1" };
  const first = await post(sidecar, "x", key);
  const second = await post(sidecar, "x", key);
  expect(await second.text()).toBe(await first.text());
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect((await post(sidecar, "y", key)).status).toBe(422);
  expect(app.got.length).toBe(1);
});

test("1,000 queued jobs are all delivered", async () => {
  const { app, sidecar } = await setup("{ mode: async, path: /hook }", json(200, {}), ADMIN);
  await admin(sidecar, "/apps/quiz/pause", "POST", {});
  const ids = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const some = await Promise.all(Array.from({ length: 50 }, (_, n) => post(sidecar, `${i}-${n}`).then(accepted)));
    for (const { id } of some) ids.add(id);
  }
  expect(ids.size).toBe(1000);
  await admin(sidecar, "/apps/quiz/resume", "POST", {});
  await app.received(1000);
  expect(new Set(app.got.map(({ headers }) => headers["x-request-id"]))).toEqual(ids);
});
