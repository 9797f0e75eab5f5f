import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { claim, delivered, ids, newJob, queueAll, routeOf, states, takeOne } from "../contract/spool.rig.ts";
import {
  LOCK_MS,
  locksOf,
  locksRunOut,
  openReplica,
  ROUND_MS,
  type TestReplica,
  untilTakenOver,
} from "../help/redis.replica.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";

/** Several sidecars on one spool, each with a clock and a connection of its own. */

let redis: TestRedis;
let prefixes = 0;

const replica = (instance: string): Promise<TestReplica> => openReplica(redis.url, `r${prefixes}`, instance);

describe.skipIf(withoutRedis)("sidecars on one spool", () => {
  beforeAll(async () => {
    redis = await startRedis({ appendfsync: "no" });
  });
  afterAll(() => redis.close());

  test("share the jobs: each goes to one of them", async () => {
    prefixes++;
    const [a, b] = [await replica("a"), await replica("b")];
    const made = await queueAll(
      a.spool,
      Array.from({ length: 40 }, () => newJob(a.clock)),
    );
    const claims = await Promise.all([a, b, a, b, a, b].map(({ spool }) => claim(spool, { max: 9 })));
    expect(claims.flatMap(({ jobs }) => ids(jobs)).sort()).toEqual(made.sort());
  });

  test("one takes over what another had when it died: due at once, in doubt, no attempt spent, however often", async () => {
    prefixes++;
    const [a, b] = [await replica("a"), await replica("b")];
    const [id] = await queueAll(a.spool, [newJob(a.clock)]);
    for (let death = 0; death < 3; death++) {
      const lost = await takeOne(a.spool);
      await locksRunOut(a);
      await untilTakenOver(b);
      expect(await b.spool.find(id ?? "")).toMatchObject({ state: "queued", inDoubt: true, attempts: 0, sends: 0 });
      expect(await a.spool.settle(lost.lease, delivered())).toBe(false);
    }
    const found = await takeOne(b.spool);
    expect(await b.spool.settle(found.lease, delivered())).toBe(true);
    expect(await states(a.spool)).toEqual({ delivered: 1 });
  });

  test("what is renewed is not taken over", async () => {
    prefixes++;
    const [a, b] = [await replica("a"), await replica("b")];
    await queueAll(a.spool, [newJob(a.clock)]);
    const { lease } = await takeOne(a.spool);
    const [lock = ""] = await locksOf(a);
    await a.link.client.pexpire(lock, 1000);
    a.clock.advance(LOCK_MS / 2);
    await expect.poll(() => a.link.client.pttl(lock)).toBeGreaterThan(LOCK_MS / 2);
    b.clock.advance(ROUND_MS);
    expect(await a.spool.settle(lease, delivered())).toBe(true);
    expect(await routeOf(b.spool)).toMatchObject({ leased: 0 });
  });

  test("one that comes back under its name has its leases back at once, and no other's", async () => {
    prefixes++;
    const [a, b] = [await replica("a"), await replica("b")];
    const made = await queueAll(a.spool, [newJob(a.clock), newJob(a.clock)]);
    const { jobs: ofA } = await claim(a.spool, { max: 1 });
    const { jobs: ofB } = await claim(b.spool, { max: 1 });
    const again = await replica("a");
    expect(await again.spool.find(made[0] ?? "")).toMatchObject({ state: "queued", inDoubt: true });
    expect(await again.spool.find(made[1] ?? "")).toMatchObject({ state: "leased" });
    expect(await a.spool.settle(ofA[0]!.lease, delivered())).toBe(false);
    expect(await b.spool.settle(ofB[0]!.lease, delivered())).toBe(true);
  });

  test("time is one for all: who is ahead takes the others along", async () => {
    prefixes++;
    const [a, b] = [await replica("a"), await replica("b")];
    await queueAll(a.spool, [newJob(a.clock, { maxAgeMs: 60_000 })]);
    a.clock.advance(61_000);
    await a.spool.survey();
    expect((await claim(b.spool)).jobs).toHaveLength(0);
    expect(await states(b.spool)).toEqual({ dead: 1 });
  });

  test("its queues are BullMQ's, as its own tools see them", async () => {
    prefixes++;
    const a = await replica("a");
    await queueAll(a.spool, [newJob(a.clock), newJob(a.clock)]);
    await claim(a.spool, { max: 1 });
    const { Queue } = await import("bullmq");
    const queue = new Queue("quiz/winner/first", {
      prefix: `${a.link.prefix}bull`,
      connection: { host: "127.0.0.1", port: redis.port },
    });
    expect(await queue.getJobCounts("waiting", "active")).toEqual({ waiting: 1, active: 1 });
    await queue.close();
  });

  test("what was acknowledged is there after Redis was killed", async () => {
    prefixes++;
    const own = await startRedis();
    onTestFinished(() => own.close());
    const shared = redis;
    redis = own;
    const { spool, clock, link } = await replica("a").finally(() => {
      redis = shared;
    });
    const made = await queueAll(
      spool,
      Array.from({ length: 20 }, () => newJob(clock)),
    );
    const { jobs } = await claim(spool, { max: 5 });
    await spool.settle(jobs[0]!.lease, delivered());
    const before = await Promise.all(made.map((id) => spool.find(id)));
    await own.kill();
    await expect(spool.find(made[0] ?? "")).rejects.toThrow();
    await own.restart();
    await link.whenUp();
    expect(await Promise.all(made.map((id) => spool.find(id)))).toEqual(before);
    expect(await spool.settle(jobs[1]!.lease, delivered())).toBe(true);
  });
});
