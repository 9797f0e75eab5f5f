import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createSeal } from "../../src/core/seal.ts";
import { openRedis, type RedisLink } from "../../src/redis/connection.ts";
import { openRedisSpool } from "../../src/redis/spool/driver.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { startRedis, type TestRedis, withoutRedis } from "../help/redis.ts";
import type { OpenedSpool, SpoolOptions } from "./spool.rig.ts";
import { describeSpool } from "./spool.suite.ts";

/** A real Redis; each spool has a prefix of its own in it. Nothing here kills it, so it need not wait for the disk. */

const EVER = Number.MAX_SAFE_INTEGER;

let redis: TestRedis;
let link: RedisLink;
let spools = 0;

async function openAt(prefix: string, clock: ManualClock, options: SpoolOptions): Promise<OpenedSpool> {
  const { maxJobs = EVER, maxBytes = EVER, retainDeliveredMs = EVER, retainDeadMs = EVER } = options;
  const seal = createSeal("a key of the test", systemRandom);
  const spool = await openRedisSpool(
    {
      link: { client: link.client, prefix },
      clock,
      random: systemRandom,
      seal,
      instance: "one",
      serverMs: clock.wall(),
    },
    { maxJobs, maxBytes, retainDeliveredMs, retainDeadMs },
  );
  return {
    spool,
    clock,
    reopen: async () => {
      // The process is gone, and settles nothing; one of its name comes.
      spool.close();
      return openAt(prefix, clock, options);
    },
    async close() {
      spool.close();
    },
  };
}

describe.skipIf(withoutRedis)("a spool on Redis", () => {
  beforeAll(async () => {
    redis = await startRedis({ appendfsync: "no" });
    link = openRedis(
      { url: redis.url, keyPrefix: "test", shared: [] },
      { clock: systemClock, random: systemRandom, emit: () => undefined },
    );
    await link.whenUp();
  });
  afterAll(async () => {
    await link.close();
    await redis.close();
  });

  describeSpool("redis", (options) => openAt(`{test-${spools++}}:`, createManualClock(), options));
});
