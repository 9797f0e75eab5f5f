import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Behaviour, json, startTestApp, type TestApp } from "../help/app.ts";
import { type Child, startChild } from "../help/child.ts";
import { type Sidecar, startSidecar } from "../help/sidecar.ts";

/** `verify.poll`, from the whole sidecar to an app that says yes first and does it, or does not, later. */

const TOKEN = "a-token-of-the-test";
const ADMIN = `admin: { tokens: [{ name: ops, role: operator, token: ${TOKEN} }] }\n`;
const POLL =
  "poll: { path: '/jobs/{body:/job_id}', interval: 50ms, timeout: 20s, until: { pointer: /state, in: [done] }, fail: { pointer: /state, in: [failed] } }";
const ROUTE = `path: /hook, headers: { set: { X-Key: of-the-route } }, retry: { initial: 20ms, max: 50ms, attempts: 3 }, verify: { ${POLL} }`;

/** Takes every job under the next number, and says of each what `state` holds. */
interface Worker {
  /** Of the job it took as the nth, the state, or how to answer. */
  state: (job: number, asked: number) => string | Behaviour;
  readonly app: TestApp;
  /** Posts and polls so far. */
  posts(): number;
  polls(): TestApp["got"];
}

async function startWorker(): Promise<Worker> {
  let taken = 0;
  const asked = new Map<number, number>();
  const app = await startTestApp((got, res, n) => {
    if (got.method === "POST") return json(200, { job_id: `j/${taken++}` })(got, res, n);
    const job = Number(/^(?:\/below)?\/jobs\/j%2F(\d+)$/.exec(got.url)?.[1] ?? Number.NaN);
    const times = asked.get(job) ?? 0;
    asked.set(job, times + 1);
    const answer = worker.state(job, times);
    if (typeof answer === "string") json(200, { state: answer })(got, res, n);
    else answer(got, res, n);
  });
  onTestFinished(() => app.stop());
  const worker: Worker = {
    state: () => "done",
    app,
    posts: () => app.got.filter(({ method }) => method === "POST").length,
    polls: () => app.got.filter(({ method }) => method === "GET"),
  };
  return worker;
}

const yaml = (app: TestApp, mode: string, more = ""): string =>
  `${ADMIN}apps: { quiz: { owner: a@b.example, url: "${app.url}", webhooks: { hook: { mode: ${mode}, ${ROUTE}${more} } } } }\n`;

async function setUp(mode: string, more = ""): Promise<{ worker: Worker; sidecar: Sidecar }> {
  const worker = await startWorker();
  const sidecar = await startSidecar(yaml(worker.app, mode, more));
  onTestFinished(() => sidecar.stop());
  return { worker, sidecar };
}

const post = (at: { readonly url: string }, body: unknown = {}): Promise<Response> =>
  fetch(`${at.url}/quiz/hook`, { method: "POST", body: JSON.stringify(body) });

async function ask(at: { readonly adminUrl: string }, path: string, method = "GET"): Promise<Record<string, unknown>> {
  const response = await fetch(`${at.adminUrl}/api/v1/admin${path}`, {
    method,
    headers: { Authorization: `Bearer ${TOKEN}` },
  });
  return (await response.json()) as Record<string, unknown>;
}

async function accepted(response: Response): Promise<string> {
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

async function counts(at: { readonly adminUrl: string }): Promise<unknown> {
  const { items } = (await ask(at, "/verification")) as { items: { windows: Record<string, unknown> }[] };
  return items[0]?.windows["1h"];
}

test("an app that does what it took: asked until it says so, on its own path, and only then is it delivered", async () => {
  const { worker, sidecar } = await setUp("async");
  worker.state = (_, asked) => (asked < 2 ? "queued" : "done");
  const id = await accepted(await post(sidecar));
  const { sends } = await sidecar.event("delivery.delivered");
  expect([sends, worker.posts()]).toEqual([1, 1]);
  const polls = worker.polls();
  expect(polls.map(({ url }) => url)).toEqual(Array(3).fill("/jobs/j%2F0"));
  expect(polls[0]?.headers).toMatchObject({
    "x-key": "of-the-route",
    "x-request-id": id,
    host: `127.0.0.1:${worker.app.port}`,
  });
  expect(await ask(sidecar, `/deliveries/${id}`)).toMatchObject({
    state: "delivered",
    attempts: 1,
    verification: null,
  });
  expect(await counts(sidecar)).toEqual({ verified: 1, failed: 0, unverified: 0, rate: 100 });
  const scrape = await (await fetch(`${sidecar.adminUrl}/metrics`)).text();
  expect(scrape).toContain('outrigger_verifications_total{app="quiz",capability="hook",result="verified"} 1');
});

test("while it is asked, it is shown as verifying, to operators with what was said", async () => {
  const { worker, sidecar } = await setUp("async");
  worker.state = () => "queued";
  const id = await accepted(await post(sidecar));
  await worker.app.received(3);
  const shown = await ask(sidecar, `/deliveries/${id}`);
  expect(shown).toMatchObject({
    state: "verifying",
    verification: { path: "/jobs/j%2F0", upstream: `127.0.0.1:${worker.app.port}`, last: '/state is "queued"' },
  });
  expect(await (await fetch(`${sidecar.url}/.outrigger/deliveries/${id}`)).json()).toMatchObject({
    status: "verifying",
  });
  expect(await ask(sidecar, "/status")).toMatchObject({ spool: { states: { verifying: 1 } } });
  expect(await ask(sidecar, `/deliveries/${id}/cancel`, "POST")).toMatchObject({ state: "cancelled" });
  expect(await counts(sidecar)).toMatchObject({ unverified: 1 });
});

test("an app that says yes and fails gets it again, counted on, and in the end it is a dead letter of that reason", async () => {
  const { worker, sidecar } = await setUp("async");
  worker.state = () => "failed";
  const id = await accepted(await post(sidecar));
  const dead = await sidecar.event("dlq.added");
  expect(dead).toMatchObject({ id, reason: "verification_failed", detail: '/state is "failed"', sends: 3 });
  const posts = worker.app.got.filter(({ method }) => method === "POST");
  expect(posts.map(({ headers }) => headers["x-retry-attempt"])).toEqual(["0", "1", "2"]);
  expect(sidecar.events.filter(({ type }) => type === "verification.failed")).toMatchObject(
    Array(3).fill({
      app: "quiz",
      capability: "hook",
      id,
      origin: "async",
      result: "failed",
      detail: '/state is "failed"',
    }),
  );
  expect(await counts(sidecar)).toEqual({ verified: 0, failed: 3, unverified: 0, rate: 0 });
});

test.each([
  ["404", json(404, {})],
  ["500", json(500, { state: "done" })],
  ["no JSON", ((_got, res) => res.end("<html>")) satisfies Behaviour],
  ["a connection that is cut", ((_got, res) => res.destroy()) satisfies Behaviour],
] as const)("%s in answer to a poll is not yet an answer", async (_, behaviour) => {
  const { worker, sidecar } = await setUp("async");
  worker.state = (_job, asked) => (asked === 0 ? behaviour : "done");
  await post(sidecar);
  await sidecar.event("delivery.delivered");
  expect([worker.posts(), worker.polls().length]).toEqual([1, 2]);
});

test("an answer without the id that is to be asked for is as good as undone, and says why", async () => {
  const { worker, sidecar } = await setUp("async");
  worker.app.behave(json(200, { other: 1 }));
  const id = await accepted(await post(sidecar));
  const detail = "neither the answer nor the request has a value for {body:/job_id}";
  expect(await sidecar.event("dlq.added")).toMatchObject({ id, reason: "verification_failed", detail, sends: 3 });
  expect(sidecar.events).toContainEqual(
    expect.objectContaining({ type: "verification.failed", result: "unverified", detail }),
  );
  expect(await counts(sidecar)).toEqual({ verified: 0, failed: 0, unverified: 3, rate: 0 });
});

test("one order key waits for what is verified, another does not", async () => {
  const { worker, sidecar } = await setUp("async", ", order_by: { body: /room }");
  const open = Promise.withResolvers<void>();
  let free = false;
  void open.promise.then(() => {
    free = true;
  });
  worker.state = (job) => (job === 0 && !free ? "queued" : "done");
  const first = await accepted(await post(sidecar, { room: 1 }));
  await worker.app.received(2);
  const second = await accepted(await post(sidecar, { room: 1 }));
  const other = await accepted(await post(sidecar, { room: 2 }));
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id: other });
  expect(worker.posts()).toBe(2);
  open.resolve();
  await sidecar.event("delivery.delivered", ({ id }) => id === second);
  const order = sidecar.events.flatMap((event) => (event.type === "delivery.delivered" ? [event.id] : []));
  expect(order).toEqual([other, first, second]);
});

test("a synchronous caller has its answer at once; that it was not done after all is told, and counts against the app", async () => {
  const { worker, sidecar } = await setUp("sync");
  worker.state = (_, asked) => (asked === 0 ? "queued" : "failed");
  const response = await post(sidecar);
  expect([response.status, await response.json()]).toEqual([200, { job_id: "j/0" }]);
  const failed = await sidecar.event("verification.failed");
  expect(failed).toMatchObject({
    origin: "sync",
    requestId: response.headers.get("x-request-id"),
    result: "failed",
    polls: 2,
  });
  expect(worker.posts()).toBe(1);
  expect(await counts(sidecar)).toMatchObject({ failed: 1 });
  expect(await ask(sidecar, "/status")).toMatchObject({ spool: { states: { verifying: 0, dead: 0, delivered: 0 } } });
  expect(sidecar.events.filter(({ type }) => type.startsWith("dlq") || type.startsWith("delivery"))).toEqual([]);
});

test("what an app did not do after all is a failure of the window: enough of them move its traffic", async () => {
  const [worker, backup] = [await startWorker(), await startWorker()];
  worker.state = () => "failed";
  const upstreams = `[{ name: primary, url: "${worker.app.url}" }, { name: backup, url: "${backup.app.url}", priority: 1 }]`;
  const sidecar = await startSidecar(
    `${ADMIN}apps: { quiz: { owner: a@b.example, upstreams: ${upstreams}, health: { interval: 1s }, failover: { min_samples: 5, min_success_rate: 95 }, webhooks: { hook: { mode: sync, retry: { repeat: always }, ${ROUTE.replace(/retry: [^}]*\}, /, "")} } } } }\n`,
  );
  onTestFinished(() => sidecar.stop());
  for (let n = 0; n < 5; n++) await post(sidecar);
  expect(await sidecar.event("failover")).toMatchObject({ from: "primary", to: "backup", reason: "success_rate" });
});

test("of several upstreams the one that had the good answer is asked, and no other", async () => {
  const workers = [await startWorker(), await startWorker()];
  for (const worker of workers) worker.state = (_, asked) => (asked === 0 ? "queued" : "done");
  const upstreams = workers.map(({ app }, i) => `{ name: u${i}, url: "${app.url}/below", priority: 0 }`).join(", ");
  const sidecar = await startSidecar(
    `apps: { quiz: { owner: a@b.example, upstreams: [${upstreams}], webhooks: { hook: { mode: async, ${ROUTE} } } } }\n`,
  );
  onTestFinished(() => sidecar.stop());
  const ids: string[] = [];
  for (let n = 0; n < 12; n++) ids.push(await accepted(await post(sidecar)));
  for (const id of ids) await sidecar.event("delivery.delivered", (event) => event.id === id);
  for (const worker of workers) {
    expect(worker.posts()).toBeGreaterThan(0);
    const polls = worker.polls().filter(({ url }) => url.startsWith("/below/jobs/"));
    expect(polls).toHaveLength(2 * worker.posts());
  }
});

test("an upstream that the manifest no longer names can't be asked: when the time is up, its job goes to another", async () => {
  const [old, next] = [await startWorker(), await startWorker()];
  const hasty = (app: TestApp): string => yaml(app, "async").replace("timeout: 20s", "timeout: 400ms");
  old.state = () => "queued";
  const sidecar = await startSidecar(hasty(old.app));
  onTestFinished(() => sidecar.stop());
  const id = await accepted(await post(sidecar));
  await old.app.received(2);
  sidecar.write(hasty(next.app));
  await sidecar.app.reload("test");
  const name = `127.0.0.1:${old.app.port}`;
  expect(await sidecar.event("verification.failed")).toMatchObject({
    id,
    upstream: name,
    detail: `in time: upstream ${name} is not in the manifest any more`,
  });
  expect(await sidecar.event("delivery.delivered")).toMatchObject({
    id,
    sends: 2,
    upstream: `127.0.0.1:${next.app.port}`,
  });
});

test("a route that is not verified any more delivers what waits, and counts it as unverified", async () => {
  const { worker, sidecar } = await setUp("async");
  worker.state = () => "queued";
  const id = await accepted(await post(sidecar));
  await worker.app.received(2);
  sidecar.write(yaml(worker.app, "async").replace(/, verify: .*\} \} \} \}$/m, " } } } }"));
  await sidecar.app.reload("test");
  expect(await sidecar.event("delivery.delivered")).toMatchObject({ id, sends: 1 });
  expect(await counts(sidecar)).toEqual({ verified: 0, failed: 0, unverified: 1, rate: 0 });
});

test("stopped and started again in the midst of it, everything that was to be verified still is", async () => {
  const worker = await startWorker();
  const dir = mkdtempSync(join(tmpdir(), "outrigger-verify-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  worker.state = () => "queued";
  const first = await startSidecar(yaml(worker.app, "async"), { dir });
  const id = await accepted(await post(first));
  await worker.app.received(3);
  await first.stop();
  const second = await startSidecar(yaml(worker.app, "async"), { dir });
  // Not sooner than somebody listens.
  worker.state = () => "done";
  onTestFinished(() => second.stop());
  expect(await second.event("delivery.delivered")).toMatchObject({ id, sends: 1 });
  expect(worker.posts()).toBe(1);
});

test.each(["async", "sync"])("killed in the midst of it, no %s one is forgotten", async (mode) => {
  const worker = await startWorker();
  const dir = mkdtempSync(join(tmpdir(), "outrigger-verify-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const serve = async (): Promise<Child> => {
    const child = await startChild(yaml(worker.app, mode), { dir });
    onTestFinished(async () => {
      child.signal("SIGKILL");
      await child.ended;
    });
    return child;
  };
  worker.state = () => "queued";
  const first = await serve();
  await post(first);
  await worker.app.received(3);
  first.signal("SIGKILL");
  await first.ended;
  worker.state = () => "failed";
  const second = await serve();
  const line = await second.line(({ event }) => event === "verification.failed");
  expect(line).toMatchObject({ origin: mode, result: "failed", detail: '/state is "failed"' });
});
