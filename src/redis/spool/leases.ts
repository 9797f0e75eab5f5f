import type { Clock, Timer } from "../../core/clock.ts";
import type { Lease } from "../../spool/port.ts";
import { list, text } from "./read.ts";
import type { Reply, ScriptName } from "./scripts.ts";

/** A lease that is not renewed for so long is nobody's. */
export const LOCK_MS = 10_000;
const RENEW_MS = LOCK_MS / 2;
/** Sooner after a round that was not answered: there are few before the locks run out. */
const AGAIN_MS = 1000;
/** By then a worker must have let go of what it has not begun: its lock runs out, as Redis counts, and the next has it. */
const UNSURE_MS = LOCK_MS - 1500;
/** A dead sidecar's leases are found within this and the time of a lock: 15 s are promised, and a look takes time, too. */
const CHECK_MS = 4000;
/** Who was away with Redis is given this long to renew before it is taken for dead. */
const GRACE_MS = RENEW_MS + 1000;
/** Renewed in one script. */
const BATCH = 500;
/** Queues with leases that are looked at in one round; others come in the next, since the set has no order. */
const MAX_QUEUES = 1000;

/** The leases that this sidecar knows it has: these are renewed. One whose claim got lost is not, and runs out. */
export interface Leases {
  /** `askedAt`: when it was asked for, so that its lock has run no longer. */
  add(lease: Lease, askedAt: number): void;
  remove(lease: Lease): void;
  /** These and no others. */
  set(leases: readonly Lease[]): void;
  /** Redis was away and is there again: renews now, before somebody looks. */
  renewNow(): void;
  stop(): void;
}

export interface LeasesDeps {
  readonly instance: string;
  readonly clock: Clock;
  readonly ask: (name: ScriptName, args: readonly (string | number)[]) => Promise<readonly Reply[]>;
  /** Queues in which somebody has a lease, as `app/capability/lane`. */
  readonly busy: () => Promise<readonly string[]>;
  /** These are somebody else's by now, or may be: what has not begun must not begin. Told more than once. */
  readonly lost: (ids: ReadonlySet<string>) => void;
}

interface Held {
  readonly attempt: number;
  /** When it was surely ours: asked for, and granted. */
  sureAt: number;
  /** It is not ours any more, and its worker has not ended it yet. */
  lost: boolean;
}

/** Renews at half the time of a lock, and takes over what others no longer renew. */
export function createLeases({ instance, clock, ask, busy, lost }: LeasesDeps): Leases {
  const held = new Map<string, Held>();
  let stopped = false;
  const timers = new Set<Timer>();

  const tell = (which: (one: Held) => boolean): void => {
    const ids = [...held].filter(([, one]) => which(one)).map(([id]) => id);
    if (ids.length > 0) lost(new Set(ids));
  };
  const renew = async (): Promise<void> => {
    const all = [...held].filter(([, { lost }]) => !lost);
    // Once at least, since it says that we are there.
    for (let at = 0; at === 0 || at < all.length; at += BATCH) {
      const part = new Map(all.slice(at, at + BATCH));
      const askedAt = clock.now();
      const named = [...part].flatMap(([id, { attempt }]) => [id, attempt]);
      const [, gone] = await ask("renew", [LOCK_MS, instance, ...named]);
      for (const one of part.values()) one.sureAt = askedAt;
      for (const id of list(gone).map(text)) {
        const one = part.get(id);
        if (one !== undefined) one.lost = true;
      }
    }
    // Its worker hears of those that have begun when it settles; one may come back unsent before that.
    tell((one) => one.lost);
  };
  const renewOrTell = async (): Promise<number> => {
    try {
      await renew();
      return RENEW_MS;
    } catch {
      const now = clock.now();
      tell((one) => one.lost || now - one.sureAt >= UNSURE_MS);
      return AGAIN_MS;
    }
  };
  const check = async (): Promise<number> => {
    try {
      for (const queue of (await busy()).slice(0, MAX_QUEUES)) {
        const slash = queue.lastIndexOf("/");
        // A little less than the time between two checks, so that one of the sidecars does it each time.
        await ask("stalled", [CHECK_MS - 500, GRACE_MS, queue.slice(0, slash), queue.slice(slash + 1)]);
      }
      return CHECK_MS;
    } catch {
      return AGAIN_MS;
    }
  };
  const after = (ms: number, act: () => Promise<number>): void => {
    if (stopped) return;
    const timer = clock.after(
      ms,
      () => {
        timers.delete(timer);
        void act().then((next) => after(next, act));
      },
      undefined,
    );
    timers.add(timer);
  };
  after(RENEW_MS, renewOrTell);
  after(CHECK_MS, check);
  return {
    add: ({ id, attempt }, askedAt) => void held.set(id, { attempt, sureAt: askedAt, lost: false }),
    remove({ id, attempt }) {
      // The late end of an earlier one is none of this one's.
      if (held.get(id)?.attempt === attempt) held.delete(id);
    },
    set(leases) {
      const before = new Map(held);
      held.clear();
      for (const { id, attempt } of leases) {
        const known = before.get(id);
        held.set(id, known?.attempt === attempt ? known : { attempt, sureAt: clock.now(), lost: false });
      }
    },
    renewNow: () => void renewOrTell(),
    stop() {
      stopped = true;
      for (const timer of timers) clock.cancel(timer);
    },
  };
}
