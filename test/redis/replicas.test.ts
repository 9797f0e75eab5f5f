import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import { openRedis, type RedisLink } from "../../src/redis/connection.ts";
import { openRedisSpool, type RedisSpool } from "../../src/redis/spool/driver.ts";
import { claim, delivered, ids, newJob, queueAll, routeOf, states, takeOne } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";

/** Several sidecars on one spool, each with a clock and a connection of its own. */

const BOUNDS = { maxJobs: 1e9, maxBytes: 1e12, retainDeliveredMs: 1e12, retainDeadMs: 1e12 };
const LOCK_MS = 10_000;
const CHECK_MS = 5_000;

let redis: TestRedis;
let prefixes = 0;

async function connect(): Promise<RedisLink> {
  const link = openRedis(
    { url: redis.url, keyPrefix: `r${prefixes}`, shared: [] },
    { clock: systemClock, random: systemRandom, emit: () => undefined },
  );
  onTestFinished(() => link.close());
  await link.whenUp();
  return link;
}

async function replica(instance: string) {
  const clock = createManualClock();
  const link = await connect();
  const seal = createSeal(undefined, systemRandom);
  const spool = await openRedisSpool({ link, clock, random: systemRandom, seal, instance }, BOUNDS);
  onTestFinished(() => spool.close());
  return { spool, clock, link };
}

/** Its locks are gone, as ten seconds after its death. */
async function locksRunOut({ client }: RedisLink): Promise<void> {
  const locks = (await client.keys("*:lock")) as string[];
  expect(locks.length).toBeGreaterThan(0);
  await client.del(...locks);
}

/** Two checks: the first one marks what is leased, the next one finds what was not renewed in between. */
async function untilTakenOver({ clock, link }: Awaited<ReturnType<typeof replica>>, spool: RedisSpool): Promise<void> {
  for (let round = 0; round < 2; round++) {
    // The mark of the check before is Redis's, and has a real time.
    const marks = (await link.client.keys("*:stalled-check")) as string[];
    if (marks.length > 0) await link.client.del(...marks);
    clock.advance(CHECK_MS);
    // The check is asked before this is.
    await expect.poll(() => link.client.keys("*:stalled-check")).not.toEqual([]);
  }
  await expect.poll(() => states(spool)).not.toHaveProperty("leased");
}

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
      await locksRunOut(a.link);
      await untilTakenOver(b, b.spool);
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
    const [lock = ""] = await a.link.client.keys("*:lock");
    await a.link.client.pexpire(lock, 1000);
    a.clock.advance(LOCK_MS / 2);
    await expect.poll(() => a.link.client.pttl(lock)).toBeGreaterThan(LOCK_MS / 2);
    b.clock.advance(CHECK_MS);
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
