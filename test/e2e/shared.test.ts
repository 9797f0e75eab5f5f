import { describe, expect, onTestFinished, test } from "vitest";
import { json, startTestApp } from "../help/app.ts";
import { call } from "../help/call.ts";
import { counted, FOR_LONG, from, PATIENT, RARELY, startFlow, startQuiz, toyHere } from "../help/pair.ts";
import { startRedis, withoutRedis } from "../help/redis.ts";
import { ofPeer, redisUp, startReplicas } from "../help/replicas.ts";
import { WELL } from "../help/toy.ts";

/** Two replicas with one Redis: what one learns holds for both, and without Redis each goes on by itself. */

/** A breaker that opens soon, and stays open for as long as any test. */
const TOUCHY = {
  webhooks: { hook: { path: "/hook", breaker: { failures: 2, recovery: "60s" }, retry: { attempts: 1 } } },
};
const ERRORS = { kind: "status", status: 500 } as const;

describe.skipIf(withoutRedis)("two replicas", () => {
  test("a breaker that opens on one refuses on the other, and what an operator does to it holds for both", async () => {
    const toy = await toyHere("primary");
    const { a, b } = await startReplicas([toy], TOUCHY);
    await toy.behave(ERRORS);
    await a.hook();
    await a.hook();
    await b.event("breaker.opened", ofPeer);
    const calls = toy.calls();
    expect((await b.hook()).outcome).toBe("failed;reason=breaker_open");
    expect(toy.calls()).toBe(calls);
    await toy.behave(WELL);
    await b.admin("/circuit-breaker/quiz/hook/reset", {});
    await a.event("breaker.closed", ofPeer);
    expect((await a.hook()).outcome).toBe("ok");
    expect(a.events.filter(({ type }) => type === "breaker.opened").map(ofPeer)).toEqual([false]);
  });

  test("a failover of one moves the traffic of the other, and is told by the one that decided it", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const { a, b } = await startReplicas([primary, backup], { recovery: FOR_LONG, health: RARELY });
    await primary.behave({ kind: "reset" });
    const flow = startFlow((agent) => a.hook({ agent }), 5);
    const there = await b.event("failover");
    expect(there).toMatchObject({ from: "primary", to: "backup", peer: true });
    expect(from(await b.hook())).toBe("backup");
    expect(counted(await flow.stop())).toEqual({ ok: flow.answers.length });
    expect(a.events.filter(({ type }) => type === "failover").map(ofPeer)).toEqual([false]);
  });

  test("an operator's switch holds for both, until it is released on either", async () => {
    const [primary, backup] = [await toyHere("primary"), await toyHere("backup")];
    const { a, b } = await startReplicas([primary, backup]);
    await a.admin("/failover/quiz/switch", { to: "backup" });
    expect(await b.event("failover")).toMatchObject({ reason: "operator", by: "ops", peer: true });
    expect(from(await b.hook())).toBe("backup");
    await b.admin("/failover/quiz/release", {});
    expect(await a.event("failback")).toMatchObject({ reason: "operator", peer: true });
    expect(from(await a.hook())).toBe("primary");
  });

  test("while one finds the primary unwell nobody goes back to it; when both find it well, both do", async () => {
    const backup = await toyHere("backup");
    const primary = await startTestApp();
    onTestFinished(() => primary.stop());
    const probes = (path: string): number => primary.got.filter(({ url }) => url === path).length;
    const looked = async (path: string, n: number): Promise<void> => {
      const wanted = probes(path) + n;
      while (probes(path) < wanted) await primary.received(primary.got.length + 1);
    };
    primary.behave((got, res, n) => json(got.url === "/b" ? 503 : 200, { from: "primary" })(got, res, n));
    const both = [{ name: "primary", url: primary.url }, backup];
    const { a, b } = await startReplicas(both, { health: { path: "/a" } }, { health: { path: "/b" } });
    expect(await a.event("failover")).toMatchObject({ from: "primary", reason: "probe", peer: true });
    // Three times the hold, all well as far as it sees.
    await looked("/a", 10);
    expect(from(await a.hook())).toBe("backup");
    primary.behave(json(200, { from: "primary" }));
    await Promise.all([a.event("failback"), b.event("failback")]);
    expect([from(await a.hook()), from(await b.hook())]).toEqual(["primary", "primary"]);
    expect(
      [a, b].flatMap(({ events }) => events.filter(({ type }) => type === "failback")).filter(ofPeer),
    ).toHaveLength(1);
  });

  test("Redis dies: both answer as before, and when it is back both go by what one of them learnt meanwhile", async () => {
    const toy = await toyHere("primary");
    const { redis, a, b } = await startReplicas([toy], TOUCHY);
    const flows = [a, b].map((one) => startFlow((agent) => one.hook({ agent }), 3));
    await redis.kill();
    await Promise.all([a.event("redis.lost"), b.event("redis.lost")]);
    expect(await redisUp(a)).toBe(0);
    await Promise.all(flows.map((flow) => flow.more(100)));
    for (const flow of flows) expect(counted(await flow.stop())).toEqual({ ok: flow.answers.length });
    expect((await call(`${a.adminUrl}/readyz`, { method: "GET" })).status).toBe(200);

    await toy.behave(ERRORS);
    await a.hook();
    await a.hook();
    expect((await a.hook()).outcome).toBe("failed;reason=breaker_open");
    expect((await b.hook()).outcome).toBe("failed;reason=status");
    await redis.restart();
    await Promise.all([a.event("redis.back"), b.event("redis.back"), b.event("breaker.opened", ofPeer)]);
    expect((await b.hook()).outcome).toBe("failed;reason=breaker_open");
    expect(await redisUp(b)).toBe(1);
  });

  test("a key that one works on is taken for the other, which then has its answer", async () => {
    let answer = (): void => undefined;
    const app = await startTestApp((got, res, n) => {
      if (got.url === "/health") json(200, {})(got, res, n);
      else answer = () => json(200, { n })(got, res, n);
    });
    onTestFinished(() => app.stop());
    const webhooks = { hook: { path: "/hook", idempotency: { ttl: "1h" }, retry: { attempts: 1 } } };
    const { a, b } = await startReplicas([{ name: "app", url: app.url }], { webhooks });
    const headers = { "Idempotency-Key": "one" };
    const first = a.hook({ headers });
    while (app.got.every(({ url }) => url !== "/hook")) await app.received(app.got.length + 1);
    expect((await b.hook({ headers })).status).toBe(409);
    answer();
    const { text } = await first;
    const again = await b.hook({ headers });
    expect([again.status, again.text, again.headers["idempotency-replayed"]]).toEqual([200, text, "true"]);
    expect((await call(`${b.url}/quiz/hook`, { headers, body: "another" })).status).toBe(422);
    expect(app.got.filter(({ url }) => url === "/hook")).toHaveLength(1);
  });

  test("a Redis that can't be used at the start is not used, and the replica is not ready and says why", async () => {
    const redis = await startRedis({ replicaof: "127.0.0.1 1" });
    onTestFinished(() => redis.close());
    const toy = await toyHere("primary");
    const sidecar = await startQuiz([toy], { more: { redis: { url: redis.url } } });
    expect(sidecar.app.waits()).toEqual([
      expect.stringMatching(`^Redis at 127.0.0.1:${redis.port} can't be used: .*master`),
    ]);
  });

  test("Redis is away at the start: the replica is not ready and says why, and is when it has come", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    await redis.kill();
    const toy = await toyHere("primary");
    const sidecar = await startQuiz([toy], { more: { redis: { url: redis.url } }, webhooks: { hook: PATIENT } });
    const reasons = [expect.stringMatching(`^Redis is away .127.0.0.1:${redis.port}: .*: start it, or take redis out`)];
    expect(sidecar.app.waits()).toEqual(reasons);
    const asked = await call(`${sidecar.adminUrl}/readyz`, { method: "GET" });
    expect([asked.status, JSON.parse(asked.text)]).toEqual([503, { ready: false, reasons }]);
    await redis.restart();
    await sidecar.app.ready;
    expect((await call(`${sidecar.adminUrl}/readyz`, { method: "GET" })).status).toBe(200);
    expect(sidecar.app.waits()).toEqual([]);
  });
});
