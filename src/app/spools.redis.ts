import type { RedisMoved } from "../core/events.ts";
import { createSeal } from "../core/seal.ts";
import type { RedisSettings } from "../core/settings.service.ts";
import { openRedis } from "../redis/connection.ts";
import { openRedisSpool, type RedisSpool } from "../redis/spool/driver.ts";
import { waitingIn } from "../redis/spool/presence.ts";
import type { SpoolBounds } from "../storage/storage.ts";
import type { RedisService } from "./redis.ts";
import type { AppSpool, SpoolDeps } from "./spools.ts";

const PATIENCE_MS = 5000;

/** How many jobs wait in a Redis that this sidecar may have no other use for. Rejects where that can't be seen. */
export async function jobsOnRedis(settings: RedisSettings, deps: SpoolDeps): Promise<number> {
  let why = "it does not answer";
  const emit = ({ detail }: RedisMoved): void => {
    why = detail;
  };
  await using link = openRedis(settings, { ...deps, emit });
  if (!(await link.upWithin(PATIENCE_MS)))
    throw new Error(`the spool was on Redis before, and whether jobs wait there can't be seen: ${why}`);
  return await waitingIn(link);
}

/** Redis may come later than the listeners: until then every verb says so. */
export function onRedis(
  deps: SpoolDeps,
  { link, ready }: RedisService,
  instance: string,
  first: SpoolBounds,
): AppSpool {
  const { clock, random, key, onCommit, onBack, onLost } = deps;
  let spool: RedisSpool | null = null;
  let bounds = first;
  let closed = false;
  const seal = createSeal(key, random);
  const open = async (): Promise<void> => {
    while (spool === null && !closed) {
      await link.whenUp();
      try {
        spool = await openRedisSpool({ link, clock, random, seal, instance, lost: onLost }, bounds);
      } catch (error) {
        // It may have gone away meanwhile; what else is wrong will not mend itself.
        if (link.up()) throw error;
      }
    }
    if (closed) spool?.close();
    spool?.configure(bounds);
    link.onBack(onBack);
  };
  let reasons: readonly string[] = ["the spool on Redis is not open yet"];
  const opened = ready.then(open).then(
    () => {
      reasons = [];
    },
    (error: unknown) => {
      reasons = [error instanceof Error ? error.message : String(error)];
      throw error;
    },
  );
  const use = (): RedisSpool => {
    if (spool === null) throw new Error(reasons.join("; "));
    return spool;
  };
  return {
    ready: opened,
    reasons: () => reasons,
    shared: true,
    async put(job) {
      const startedAt = clock.now();
      const receipt = await use().put(job);
      onCommit(clock.now() - startedAt, 1);
      return receipt;
    },
    claim: async (want) => use().claim(want),
    settle: async (lease, settlement) => use().settle(lease, settlement),
    hold: async (leases) => use().hold(leases),
    find: async (id) => use().find(id),
    list: async (query) => use().list(query),
    change: async (act, ids) => use().change(act, ids),
    sweep: async () => use().sweep(),
    survey: async () => use().survey(),
    recall: async (route, hash) => use().recall(route, hash),
    remember: async (route, idempotency, answer) => use().remember(route, idempotency, answer),
    configure(next) {
      bounds = next;
      spool?.configure(next);
    },
    backup: null,
    close() {
      closed = true;
      spool?.close();
    },
  };
}
