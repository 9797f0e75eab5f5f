import type { Clock, Timer } from "../../core/clock.ts";
import type { Lease } from "../../spool/port.ts";
import { list, text } from "./read.ts";
import type { Reply, ScriptName } from "./scripts.ts";

/** A lease that is not renewed for so long is nobody's. */
export const LOCK_MS = 10_000;
const RENEW_MS = LOCK_MS / 2;
/** A dead sidecar's leases are found within this and the time of a lock. */
const CHECK_MS = 5000;
/** Renewed in one script. */
const BATCH = 500;
/** Queues with leases that are looked at in one round; others come in the next, since the set has no order. */
const MAX_QUEUES = 1000;

/** The leases that this sidecar knows it has: these are renewed. One whose claim got lost is not, and runs out. */
export interface Leases {
  add(lease: Lease): void;
  remove(id: string): void;
  /** These and no others. */
  set(leases: readonly Lease[]): void;
  stop(): void;
}

export interface LeasesDeps {
  readonly instance: string;
  readonly clock: Clock;
  readonly ask: (name: ScriptName, args: readonly (string | number)[]) => Promise<readonly Reply[]>;
  /** Queues in which somebody has a lease, as `app/capability/lane`. */
  readonly busy: () => Promise<readonly string[]>;
}

/** Renews at half the time of a lock, and takes over what others no longer renew. */
export function createLeases({ instance, clock, ask, busy }: LeasesDeps): Leases {
  const held = new Map<string, number>();
  let stopped = false;
  const timers = new Set<Timer>();

  const renew = async (): Promise<void> => {
    const all = [...held];
    // Once at least, since it says that we are there.
    for (let at = 0; at === 0 || at < all.length; at += BATCH) {
      const part = all.slice(at, at + BATCH);
      const [, lost] = await ask("renew", [LOCK_MS, instance, ...part.flat()]);
      // Its worker hears of it when it settles.
      for (const id of list(lost).map(text)) if (held.get(id) === new Map(part).get(id)) held.delete(id);
    }
  };
  const check = async (): Promise<void> => {
    for (const queue of (await busy()).slice(0, MAX_QUEUES)) {
      const slash = queue.lastIndexOf("/");
      // A little less than the time between two checks, so that one of the sidecars does it each time.
      await ask("stalled", [CHECK_MS - 500, queue.slice(0, slash), queue.slice(slash + 1)]);
    }
  };
  const every = (ms: number, act: () => Promise<void>): void => {
    if (stopped) return;
    const timer = clock.after(
      ms,
      () => {
        timers.delete(timer);
        // Where Redis is away, the next round does it.
        act()
          .catch(() => undefined)
          .then(() => every(ms, act))
          .catch(() => undefined);
      },
      undefined,
    );
    timers.add(timer);
  };
  every(RENEW_MS, renew);
  every(CHECK_MS, check);
  return {
    add: ({ id, attempt }) => void held.set(id, attempt),
    remove: (id) => void held.delete(id),
    set(leases) {
      held.clear();
      for (const { id, attempt } of leases) held.set(id, attempt);
    },
    stop() {
      stopped = true;
      for (const timer of timers) clock.cancel(timer);
    },
  };
}
