import type { Clock } from "../core/clock.ts";

/**
 * Time for the schema checks that may take more than linear time. They hold the event loop, so what one app's answers
 * cost is taken from every other app's callers: a limit for each check bounds one answer, not sixty at once. Hence two
 * token buckets of milliseconds, and a check draws on both: one of the process, which bounds the whole whatever apps
 * answer, and one of the app, so that a single app can't use up the first.
 *
 * Counted is only what goes beyond the cost of an ordinary answer, so that honest answers never run dry.
 */

/** The share of one app, for all its routes. */
export interface SchemaBudget {
  /** Milliseconds that the check of an answer of so many bytes may take, whole; or null: it must not be made now. */
  limitMs(bytes: number): number | null;
  /** Takes what that check has cost, in milliseconds of processor time. */
  spend(bytes: number, usedMs: number): void;
}

interface Rate {
  /** Milliseconds in a full bucket. */
  readonly burstMs: number;
  /** Milliseconds that come back in a second. */
  readonly msPerSecond: number;
}

/** Of all apps together: in any second, no more than the sum of the two. */
export const PROCESS_RATE: Rate = { burstMs: 60, msPerSecond: 40 };
/** Of each app. Its burst is the most that one check may have. */
export const APP_RATE: Rate = { burstMs: 25, msPerSecond: 10 };
/** With less left no check is begun: a few milliseconds pass on a busy machine where an honest check needs none. */
export const LEAST_MS = 5;

/** Not counted: a walk over the answer, about what parsing it took, and a little for the caches to warm up. */
export function freeMs(bytes: number): number {
  return 0.5 + (4 * bytes) / (1 << 20);
}

/** Once in a process: makes the shares that draw on one budget. */
export function createSchemaBudgets(clock: Clock): () => SchemaBudget {
  const whole = createBucket(PROCESS_RATE, clock);
  return () => {
    const own = createBucket(APP_RATE, clock);
    return {
      limitMs(bytes) {
        const left = Math.min(own.left(), whole.left());
        return left < LEAST_MS ? null : Math.floor(left + freeMs(bytes));
      },
      spend(bytes, usedMs) {
        const counted = usedMs - freeMs(bytes);
        if (counted <= 0) return;
        own.take(counted);
        whole.take(counted);
      },
    };
  };
}

interface Bucket {
  left(): number;
  /** May go below nothing, since a check is stopped a little late: that is paid back first. */
  take(ms: number): void;
}

function createBucket({ burstMs, msPerSecond }: Rate, clock: Clock): Bucket {
  let heldMs = burstMs;
  let at = clock.now();
  const left = (): number => {
    const now = clock.now();
    heldMs = Math.min(burstMs, heldMs + ((now - at) / 1000) * msPerSecond);
    at = now;
    return heldMs;
  };
  return {
    left,
    take(ms) {
      heldMs = left() - ms;
    },
  };
}
