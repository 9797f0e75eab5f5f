import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { claim, dead, delivered, ids, newJob, queue, queueAll, states, take, takeOne } from "../contract/spool.rig.ts";
import {
  check,
  LOCK_MS,
  locksOf,
  locksRunOut,
  openReplica,
  ROUND_MS,
  type TestReplica,
  untilTakenOver,
} from "../help/redis.replica.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";

/** Leases that are lost, and what their workers hear and may do then: two live sidecars on one Redis. */

let redis: TestRedis;
let prefixes = 0;

/** Two of one spool. */
async function two(url = redis.url): Promise<[TestReplica, TestReplica]> {
  const prefix = `l${prefixes++}`;
  return [await openReplica(url, prefix, "a"), await openReplica(url, prefix, "b")];
}

/** What `a` has leased is taken over by `b`, though `a` lives: it stood still for too long. */
async function stall(a: TestReplica, b: TestReplica): Promise<void> {
  await locksRunOut(a);
  await untilTakenOver(b);
}

describe.skipIf(withoutRedis)("a lost lease", () => {
  beforeAll(async () => {
    redis = await startRedis({ appendfsync: "no" });
  });
  afterAll(() => redis.close());

  test.for(["the first worker", "the second"] as const)(
    "a job that two workers finish is finished once: %s is quicker",
    async (quicker) => {
      const [a, b] = await two();
      const id = await queue(a.spool, newJob(a.clock));
      const first = await takeOne(a.spool);
      await stall(a, b);
      const second = await takeOne(b.spool);
      const ofA = (): Promise<boolean> => a.spool.settle(first.lease, dead());
      const ofB = (): Promise<boolean> => b.spool.settle(second.lease, delivered());
      const ends = quicker === "the second" ? [await ofB(), await ofA()] : [await ofA(), await ofB()].reverse();
      expect(ends).toEqual([true, false]);
      expect(await a.spool.find(id)).toMatchObject({ state: "delivered", sends: 1, attempts: 1 });
      expect((await a.spool.survey()).states).toMatchObject({ delivered: 1, dead: 0, leased: 0, queued: 0 });
    },
  );

  test("its worker hears of it at the next renewal, and again until it has ended it", async () => {
    const [a, b] = await two();
    const made = await queueAll(a.spool, [newJob(a.clock), newJob(a.clock)]);
    const [lease] = (await take(a.spool, { max: 1 })).map((job) => job.lease);
    await stall(a, b);
    expect(a.lost).toEqual([]);
    for (let round = 1; round <= 2; round++) {
      a.clock.advance(ROUND_MS);
      await expect.poll(() => a.lost.filter((id) => id === made[0])).toHaveLength(round);
    }
    await a.spool.settle(lease!, delivered());
    a.lost.length = 0;
    const asked = (): Promise<string | null> => a.link.client.hget(`${a.link.prefix}clock`, "now");
    const before = await asked();
    a.clock.advance(ROUND_MS);
    await expect.poll(asked).not.toBe(before);
    // There is nothing more to say of it.
    expect(a.lost).not.toContain(made[0]);
  });

  test("the late end of one lease leaves the next lease of the same job renewed", async () => {
    const [a, b] = await two();
    await queue(a.spool, newJob(a.clock));
    const first = await takeOne(a.spool);
    await stall(a, b);
    const second = await takeOne(a.spool);
    expect(await a.spool.settle(first.lease, delivered())).toBe(false);
    await locksRunOut(a);
    a.clock.advance(ROUND_MS);
    await expect.poll(() => locksOf(a)).not.toEqual([]);
    await check(b);
    await check(b);
    expect(await a.spool.settle(second.lease, delivered())).toBe(true);
  });

  test("while Redis does not answer, workers hear that their leases may be gone before the locks run out", async () => {
    const own = await startRedis({ appendfsync: "no" });
    onTestFinished(() => own.close());
    const [a] = await two(own.url);
    const id = await queue(a.spool, newJob(a.clock));
    await take(a.spool);
    await own.kill();
    await expect.poll(() => a.link.up()).toBe(false);
    a.clock.advance(ROUND_MS);
    let waited = ROUND_MS;
    while (waited < LOCK_MS - 1000) {
      // Each round that is not answered is followed by one a second later.
      await expect.poll(() => a.clock.pending()).toBeGreaterThan(1);
      expect(a.lost).toEqual([]);
      a.clock.advance(1000);
      waited += 1000;
    }
    await expect.poll(() => a.lost).toContain(id);
  });

  test("nobody is taken for dead just after Redis was away", async () => {
    const [a, b] = await two();
    await queue(a.spool, newJob(a.clock));
    const { lease } = await takeOne(a.spool);
    await check(b);
    const { client, prefix } = b.link;
    // As if nobody had been answered for a minute: in that time its lock ran out.
    await locksRunOut(a);
    await client.hincrby(`${prefix}clock`, "at", -60_000);
    const before = await client.hget(`${prefix}clock`, "now");
    await client.del(...((await client.keys(`${prefix}bull:*:stalled-check`)) as string[]));
    b.clock.advance(ROUND_MS);
    await expect.poll(() => client.hget(`${prefix}clock`, "now")).not.toBe(before);
    expect(await b.spool.settle({ ...lease, attempt: 1 }, delivered())).toBe(false);
    expect(await states(b.spool)).toEqual({ leased: 1 });
    // And if it has not renewed its leases by then, it is.
    await client.hincrby(`${prefix}clock`, "back", -60_000);
    await check(b);
    await expect.poll(() => states(b.spool)).toEqual({ queued: 1 });
    expect(await a.spool.settle(lease, delivered())).toBe(false);
  });

  test("a sidecar renews at once when Redis is back", async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const [a] = await two(own.url);
    await queue(a.spool, newJob(a.clock));
    await take(a.spool);
    const [lock = ""] = await locksOf(a);
    await a.link.client.pexpire(lock, 1000);
    await own.kill();
    await own.restart();
    await expect.poll(() => a.link.up(), { timeout: 20_000 }).toBe(true);
    // Its clock stands still.
    await expect.poll(() => a.link.client.pttl(lock)).toBeGreaterThan(LOCK_MS / 2);
  });

  test("a Redis that has lost its last writes gives no number of a lease twice", async () => {
    const [a, b] = await two();
    await queueAll(a.spool, [newJob(a.clock), newJob(a.clock)]);
    const counter = `${a.link.prefix}fence`;
    const before = await a.link.client.get(counter);
    const [first] = (await claim(a.spool, { max: 1 })).jobs;
    // The claim is forgotten, and with it the number.
    await (before === null ? a.link.client.del(counter) : a.link.client.set(counter, before));
    b.clock.advance(1);
    const [second] = (await claim(b.spool, { max: 1 })).jobs;
    expect(second!.lease.attempt).toBeGreaterThan(first!.lease.attempt);
    expect(ids([first!])).not.toEqual(ids([second!]));
  });
});
