import type { Clock } from "../core/clock.ts";

/**
 * Token buckets by key, for what must not happen too often: `take` says whether it may happen now. At most
 * `maxKeys` are kept, the one unused longest is forgotten first.
 */
export interface Buckets {
  /** Takes one; false when the bucket is empty. */
  take(key: string): boolean;
  /** Milliseconds until there is one to take; 0 when there is. */
  waitMs(key: string): number;
}

export interface BucketOptions {
  readonly clock: Clock;
  /** How many at once. */
  readonly burst: number;
  /** One more comes after this long. */
  readonly everyMs: number;
  readonly maxKeys: number;
}

export function createBuckets({ clock, burst, everyMs, maxKeys }: BucketOptions): Buckets {
  /** When each bucket is full again, the earliest used first. */
  const fullAt = new Map<string, number>();
  const emptyUntil = (key: string, now: number): number => {
    const missing = Math.max((fullAt.get(key) ?? now) - now, 0);
    return Math.max(missing - (burst - 1) * everyMs, 0);
  };
  return {
    take(key) {
      const now = clock.now();
      if (emptyUntil(key, now) > 0) return false;
      const full = Math.max(fullAt.get(key) ?? now, now) + everyMs;
      fullAt.delete(key);
      fullAt.set(key, full);
      const [oldest] = fullAt.keys();
      if (fullAt.size > maxKeys && oldest !== undefined) fullAt.delete(oldest);
      return true;
    },
    waitMs: (key) => emptyUntil(key, clock.now()),
  };
}
