import { expect, onTestFinished } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import { openRedis, type RedisLink } from "../../src/redis/connection.ts";
import { openRedisSpool, type RedisSpool } from "../../src/redis/spool/driver.ts";
import { states } from "../contract/spool.rig.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

/** One of several sidecars on one spool, with a clock and a connection of its own. */
export interface TestReplica {
  readonly spool: RedisSpool;
  readonly clock: ManualClock;
  readonly link: RedisLink;
  /** Ids that it was told are others', or may be, as often as it was told. */
  readonly lost: string[];
}

const BOUNDS = { maxJobs: 1e9, maxBytes: 1e12, retainDeliveredMs: 1e12, retainDeadMs: 1e12 };
export const LOCK_MS = 10_000;
/** More than the time between two checks, and between two renewals. */
export const ROUND_MS = 5_000;

/** Its keys begin with `keyPrefix`, and `instance` is its name among the others of the test. */
export async function openReplica(url: string, keyPrefix: string, instance: string): Promise<TestReplica> {
  const clock = createManualClock();
  const link = openRedis(
    { url, keyPrefix, shared: [] },
    { clock: systemClock, random: systemRandom, emit: () => undefined },
  );
  onTestFinished(() => link.close());
  await link.whenUp();
  const lost: string[] = [];
  const seal = createSeal(undefined, systemRandom);
  const deps = {
    link,
    clock,
    random: systemRandom,
    seal,
    instance,
    lost: (ids: ReadonlySet<string>) => lost.push(...ids),
  };
  const spool = await openRedisSpool(deps, BOUNDS);
  onTestFinished(() => spool.close());
  return { spool, clock, link, lost };
}

/** The keys of its spool's locks. */
export function locksOf({ link: { client, prefix } }: TestReplica): Promise<string[]> {
  return keysOf(client, `${prefix}bull:*:lock`);
}

/** All locks are gone, as ten seconds after the death of those who had them. */
export async function locksRunOut(replica: TestReplica): Promise<void> {
  const locks = await locksOf(replica);
  expect(locks.length).toBeGreaterThan(0);
  await replica.link.client.del(...locks);
}

/** One check: the first one marks what is leased, a later one finds what was not renewed in between. */
export async function check({ clock, link: { client, prefix } }: TestReplica): Promise<void> {
  // The mark of the check before is Redis's, and has a real time.
  const marks = await keysOf(client, `${prefix}bull:*:stalled-check`);
  if (marks.length > 0) await client.del(...marks);
  clock.advance(ROUND_MS);
  await expect.poll(() => keysOf(client, `${prefix}bull:*:stalled-check`)).not.toEqual([]);
}

/** Nothing is leased any more, since `by` has found that nobody renews it. */
export async function untilTakenOver(by: TestReplica): Promise<void> {
  await check(by);
  await check(by);
  await expect.poll(() => states(by.spool)).not.toHaveProperty("leased");
}

async function keysOf(client: RedisLink["client"], pattern: string): Promise<string[]> {
  // The braces of a hash tag mean nothing in a pattern, but for brackets, which a prefix has none of.
  return (await client.keys(pattern)) as string[];
}
