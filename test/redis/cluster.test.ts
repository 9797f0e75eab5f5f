import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import { checkRedis } from "../../src/redis/check.ts";
import { openRedis } from "../../src/redis/connection.ts";
import { openRedisSpool } from "../../src/redis/spool/driver.ts";
import { again, claim, dead, delivered, listAll, newJob, queueAll, states, sweepAll } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { startRedis, withoutRedis } from "../help/redis.ts";

/** A cluster of one node: it refuses scripts whose keys are in more than one slot, as any other does. */

describe.skipIf(withoutRedis)("a spool on a cluster", () => {
  test("does all it does on a single server", async () => {
    const redis = await startRedis({
      "cluster-enabled": "yes",
      "cluster-config-file": "nodes.conf",
      "cluster-announce-ip": "127.0.0.1",
    });
    onTestFinished(() => redis.close());
    const [host, setup] = [redis.url.replace("redis:", "redis+cluster:"), await connect(redis.url)];
    await setup.client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await expect.poll(() => setup.client.call("CLUSTER", "INFO"), { timeout: 20_000 }).toContain("cluster_state:ok");
    const link = await connect(host);
    expect((await checkRedis(link.client, true)).refusals).toEqual([]);
    const clock = createManualClock();
    const seal = createSeal(undefined, systemRandom);
    const bounds = { maxJobs: 1e9, maxBytes: 1e12, retainDeliveredMs: 1e12, retainDeadMs: 1e12 };
    const spool = await openRedisSpool({ link, clock, random: systemRandom, seal, instance: "a" }, bounds);
    onTestFinished(() => spool.close());
    await queueAll(
      spool,
      ["a", "a", null, null, null].map((orderKey) => newJob(clock, { orderKey, maxAgeMs: 60_000 })),
    );
    const [first, second, third] = (await claim(spool)).jobs;
    expect(await spool.settle(first!.lease, delivered())).toBe(true);
    expect(await spool.settle(second!.lease, dead())).toBe(true);
    expect(await spool.settle(third!.lease, again(0, 1000))).toBe(true);
    await spool.hold([]);
    expect(await states(spool)).toEqual({ delivered: 1, dead: 1, queued: 3 });
    expect(await spool.change("retry", [second!.lease.id])).toHaveLength(1);
    clock.advance(61_000);
    expect(await sweepAll(spool)).toHaveLength(4);
    expect(await listAll(spool)).toHaveLength(5);
    expect((await claim(spool, { lane: "retry" })).expired).toHaveLength(0);
    expect(await spool.others()).toBe(0);
  });
});

async function connect(url: string) {
  const link = openRedis(
    { url, keyPrefix: "test", shared: [] },
    { clock: systemClock, random: systemRandom, emit: () => undefined },
  );
  onTestFinished(() => link.close());
  expect(await link.upWithin(20_000)).toBe(true);
  return link;
}
