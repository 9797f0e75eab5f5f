import { Redis } from "ioredis";
import { machineMs } from "../facts.ts";
import { pause } from "../rack.ts";

/** What the harness sees in Redis itself, on a connection that no torture touches. */
export interface Watch {
  /** Names of the sidecars that have said that they are there. */
  names(): Promise<readonly string[]>;
  /** How many jobs one of that name has leased. */
  leasesOf(name: string): Promise<number>;
  /** Milliseconds until none is leased to that name any more; rejects after `ms`, or a little later where Redis was away. */
  untilFree(name: string, ms: number): Promise<number>;
  /** What is there that should not be once all has ended: sentences for people. */
  leftovers(): Promise<readonly string[]>;
  /** Breaks the connections of everybody else. */
  killClients(): Promise<void>;
  close(): void;
}

const LOOK_MS = 100;
/** After Redis was away, nobody is taken for dead for so long. */
const GRACE_MS = 6_000;

/** `prefix` as the sidecars have it. */
export function openWatch(port: number, prefix: string): Watch {
  // Redis is killed beneath it: what is asked then waits.
  const redis = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: null, retryStrategy: () => LOOK_MS });
  redis.on("error", () => {});
  const leasesOf = (name: string): Promise<number> => redis.scard(`${prefix}held:${name}`);
  /** How much later it may be where Redis seemed away to those who use it, just before or since. */
  const graceMs = async (sinceMs: number): Promise<number> => {
    const [seconds] = await redis.time();
    const back = Number((await redis.hget(`${prefix}clock`, "back")) ?? 0);
    return Number(seconds) * 1000 - back < sinceMs + GRACE_MS ? GRACE_MS : 0;
  };
  return {
    names: () => redis.zrange(`${prefix}up`, "0", "-1"),
    leasesOf,
    async untilFree(name, ms) {
      const from = machineMs();
      for (;;) {
        const left = await leasesOf(name);
        const took = machineMs() - from;
        if (took > ms + (await graceMs(took)))
          throw new Error(`${left} leases of a dead sidecar were not taken over within ${ms / 1000} s`);
        if (left === 0) return took;
        await pause(LOOK_MS);
      }
    },
    async leftovers() {
      const found: string[] = [];
      for (const queue of await redis.smembers(`${prefix}queues`)) {
        const counts = await Promise.all([
          redis.llen(`${queue}wait`),
          redis.llen(`${queue}active`),
          redis.zcard(`${queue}delayed`),
        ]);
        if (counts.some((n) => n > 0)) found.push(`${queue} has ${counts.join(", ")} waiting, active and delayed`);
      }
      for (const pattern of ["held:*", "bull:*:lock", "o:*", "busy"]) {
        const keys = await redis.keys(`${prefix.replaceAll(/[{}]/g, "?")}${pattern}`);
        if (keys.length > 0) found.push(`${keys.length} keys ${pattern} are left, such as ${keys[0]}`);
      }
      const counts = await redis.hgetall(`${prefix}counts`);
      for (const [name, n] of Object.entries(counts)) {
        if (Number(n) < 0) found.push(`the count of ${name} is ${n}`);
        if (/waiting|s:(queued|leased|verifying)|\|(first|retry|behind|leased|verifying)$/.test(name))
          found.push(`the count of ${name} is ${n}, and nothing waits`);
      }
      return found;
    },
    async killClients() {
      await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await redis.call("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes");
    },
    close: () => redis.disconnect(),
  };
}
