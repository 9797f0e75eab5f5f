import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import { openRedis } from "../../src/redis/connection.ts";
import { openRedisSpool, type RedisSpool } from "../../src/redis/spool/driver.ts";
import type { Lease } from "../../src/spool/port.ts";
import { again, claim, delivered, listAll, newJob, QUIZ, routeOf, states } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

/** Several sidecars at work while their Redis is killed and brought back, and a connection cut. */

const BOUNDS = { maxJobs: 1e9, maxBytes: 1e12, retainDeliveredMs: 1e12, retainDeadMs: 1e12 };
const REPLICAS = 3;
const JOBS = 120;

interface Replica {
  readonly spool: RedisSpool;
  readonly whenUp: () => Promise<void>;
  readonly cut: () => void;
}

async function replica(redis: TestRedis, instance: string): Promise<Replica> {
  const link = openRedis(
    { url: redis.url, keyPrefix: "storm", shared: [] },
    { clock: systemClock, random: systemRandom, emit: () => undefined },
  );
  onTestFinished(() => link.close());
  await link.whenUp();
  const seal = createSeal(undefined, systemRandom);
  const spool = await openRedisSpool({ link, clock: systemClock, random: systemRandom, seal, instance }, BOUNDS);
  onTestFinished(() => spool.close());
  return { spool, whenUp: link.whenUp, cut: () => void link.client.disconnect(true) };
}

/** Asks until it is answered: before each new try Redis is there again. */
async function persist<T>({ whenUp }: Replica, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch {
      await whenUp();
    }
  }
}

describe.skipIf(withoutRedis)("under a storm", () => {
  test("every acknowledged job is delivered, none is in two states, and the counts are right", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, (_, i) => replica(redis, `r${i}`)));
    const random = createSeededRandom(7);
    const clock = createManualClock();
    const acknowledged: string[] = [];
    const sent = new Map<string, number>();

    const put = async (own: Replica, n: number): Promise<void> => {
      // Its key makes a put whose answer was lost no second job.
      const key = { hash: `k${n}`, bodyHash: "b", ttlMs: 1e9 };
      const orderKey = n % 3 === 0 ? `o${n % 5}` : null;
      const receipt = await persist(own, () => own.spool.put(newJob(clock, { key, orderKey })));
      if (receipt.kind === "queued" || receipt.kind === "duplicate") acknowledged.push(receipt.id);
    };
    /** One round of a worker: takes a few, and settles them one way or another. */
    const work = async (own: Replica): Promise<void> => {
      for (const lane of ["first", "retry"] as const) {
        const held: Lease[] = [];
        const { jobs } = await persist(own, () =>
          claim(own.spool, { lane, max: 5 }).catch(async (error: unknown) => {
            // Of a claim whose answer was lost it is not known what it took.
            await own.spool.hold(held);
            throw error;
          }),
        );
        for (const { lease, sends } of jobs) {
          sent.set(lease.id, (sent.get(lease.id) ?? 0) + 1);
          const how = random.below(4) === 0 ? again(sends, 1) : delivered(sends);
          await persist(own, () => own.spool.settle(lease, how));
        }
      }
    };
    const storm = async (): Promise<void> => {
      const [first] = replicas;
      for (let round = 0; round < 2; round++) {
        await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(30 * (round + 1));
        await redis.kill();
        await redis.restart();
        await Promise.all(replicas.map(({ whenUp }) => whenUp()));
        first?.cut();
      }
    };
    let putting = true;
    const makers = replicas.map(async (own, i) => {
      for (let n = i; n < JOBS; n += REPLICAS) await put(own, n);
    });
    const workers = replicas.map(async (own) => {
      while (putting) await work(own);
    });
    const over = storm();
    await Promise.all(makers);
    await over;
    putting = false;
    await Promise.all(workers);

    const [own] = replicas as [Replica];
    for (const one of replicas) await persist(one, () => one.spool.hold([]));
    await expect
      .poll(
        async () => {
          await work(own);
          return states(own.spool);
        },
        { timeout: 20_000 },
      )
      .toEqual({ delivered: JOBS });
    expect(new Set(acknowledged).size).toBe(JOBS);
    const listed = await listAll(own.spool);
    expect(listed.map(({ id }) => id).sort()).toEqual([...new Set(acknowledged)].sort());
    expect(await routeOf(own.spool, QUIZ)).toEqual({
      first: 0,
      retry: 0,
      behind: 0,
      leased: 0,
      verifying: 0,
      dead: {},
    });
    expect([...sent.keys()].sort()).toEqual([...new Set(acknowledged)].sort());
  });
});
