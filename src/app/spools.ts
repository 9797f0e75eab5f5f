import { type Clock, sleep } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import type { RedisSettings, SpoolSettings } from "../core/settings.service.ts";
import type { Log } from "../observe/log.ts";
import type { AnswerStore, Spool } from "../spool/port.ts";
import type { SpoolBounds, Storage } from "../storage/storage.ts";
import type { RedisService } from "./redis.ts";

/** The spool, whichever store the manifest names. */
export interface AppSpool extends Spool, AnswerStore {
  configure(bounds: SpoolBounds): void;
  /** Copies it while everything goes on; null where the store has ways of its own for that. */
  readonly backup: ((to: string) => Promise<void>) | null;
  /** Resolves when it can be used for the first time; until then its verbs reject. */
  readonly ready: Promise<void>;
  /** Why nothing can be put into it since the start; empty once it was open. */
  reasons(): readonly string[];
  /** Other sidecars put into it and take from it, too. */
  readonly shared: boolean;
  /** Lets go of what keeps its leases. */
  close(): void;
}

export interface SpoolDeps {
  readonly storage: Storage;
  /** Null where the manifest names none. */
  readonly redis: RedisService | null;
  readonly redisSettings: RedisSettings | null;
  readonly clock: Clock;
  readonly random: Random;
  /** OUTRIGGER_SPOOL_KEY. */
  readonly key: string | undefined;
  readonly log: Pick<Log, "warn">;
  readonly onCommit: (ms: number, jobs: number) => void;
  /** It was away and is there again. */
  readonly onBack: () => void;
  /** These leases are others' by now, or may be. */
  readonly onLost: (ids: ReadonlySet<string>) => void;
}

const LAST_DRIVER = "spool.driver";
/** A start waits so long for a spool on a Redis that was there a moment ago. */
const OPEN_MS = 2000;
const INSTANCE = "redis.instance";

/**
 * Opens it; what Redis needs is loaded only where it is used. Rejects with a sentence where the other store still holds
 * jobs that nobody would deliver.
 */
export async function openSpool(deps: SpoolDeps, settings: SpoolSettings): Promise<AppSpool> {
  const { storage, random, key, redis } = deps;
  const bounds = boundsOf(settings);
  const { onCommit, onBack } = deps;
  const file = await storage.openSpool({ bounds, random, key, onCommit, onBack });
  if (settings.driver === "sqlite") {
    const { redisSettings } = deps;
    const before = await storage.history.meta(LAST_DRIVER);
    // Who took Redis out of the manifest has given up what is there.
    if (redisSettings !== null && before === "redis") {
      const { jobsOnRedis } = await import("./spools.redis.ts");
      refuseOther(await jobsOnRedis(redisSettings, deps), "redis", "sqlite");
    }
    await noteDriver(storage, "sqlite");
    return Object.assign(file, { ready: Promise.resolve(), reasons: () => [], shared: false, close: () => undefined });
  }
  const { states } = await file.survey();
  refuseOther(states.queued + states.leased + states.verifying, "sqlite", "redis");
  const letters = states.dead + states.cancelled;
  if (letters > 0)
    deps.log.warn(
      { letters },
      "dead letters are in the spool on sqlite, where nobody sees them: outrigger spool move --from sqlite --to redis brings them",
    );
  if (redis === null) throw new Error("a spool on Redis needs redis.url, or REDIS_URL");
  await noteDriver(storage, "redis");
  const { onRedis } = await import("./spools.redis.ts");
  const spool = onRedis(deps, redis, await instanceOf(storage, random), bounds);
  // Where it is there, callers need not hear that it is not open yet.
  if (redis.reasons().length === 0)
    await Promise.race([spool.ready.catch(() => undefined), sleep(deps.clock, OPEN_MS)]);
  return spool;
}

export function boundsOf(settings: SpoolSettings): SpoolBounds {
  const { maxJobs, maxBytes, retainDeliveredMs, retainDeadMs, durability } = settings;
  return { maxJobs, maxBytes, retainDeliveredMs, retainDeadMs, durability };
}

/** Says to the next start where the jobs are. */
export function noteDriver(storage: Storage, driver: SpoolSettings["driver"]): Promise<void> {
  return storage.history.setMeta(LAST_DRIVER, driver);
}

/** The name of this data directory in Redis: what it had leased before a crash is its own to take back at once. */
export async function instanceOf(storage: Storage, random: Random): Promise<string> {
  const known = await storage.history.meta(INSTANCE);
  if (known !== null) return known;
  const made = random.bytes(9).toString("base64url");
  await storage.history.setMeta(INSTANCE, made);
  return made;
}

function refuseOther(waiting: number, holder: SpoolSettings["driver"], wanted: SpoolSettings["driver"]): void {
  if (waiting === 0) return;
  const jobs = waiting === 1 ? "1 job waits" : `${waiting} jobs wait`;
  throw new Error(
    `spool.driver is ${wanted}, but ${jobs} in the spool on ${holder}: run outrigger spool move --from ${holder} --to ${wanted}, or set spool.driver: ${holder} until they are delivered`,
  );
}
