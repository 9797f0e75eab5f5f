import type { BreakerSettings } from "../core/settings.route.ts";

/**
 * What a breaker counts between two transitions. It is the one part that changes with every call, so it is changed
 * in place and its size is fixed: ten buckets however many calls come.
 */

/** `good` and `bad` count; `none` (a caller who left, a 429) is a call that says nothing about the app. */
export type BreakerResult = "good" | "bad" | "none";

/** Failures of yesterday are no sign of trouble now: they lapse when no call came for this long. */
export const LAPSE_MS = 600_000;

const BUCKETS = 10;

export interface Tally {
  /** Failures in a row, as of {@link lastAt}: read it through {@link consecutiveFailures}. */
  consecutive: number;
  lastAt: number;
  bucketMs: number;
  /** Number of the newest bucket since time began. */
  bucket: number;
  /** Sums over the buckets. */
  total: number;
  failures: number;
  /** Plain lists: so short, they are half as large as typed ones. */
  readonly totals: number[];
  readonly failed: number[];
}

/** An empty tally. `settings.windowMs` is slid over in tenths. */
export function createTally(settings: BreakerSettings, now: number): Tally {
  const bucketMs = settings.windowMs / BUCKETS;
  return {
    consecutive: 0,
    lastAt: now,
    bucketMs,
    bucket: Math.floor(now / bucketMs),
    total: 0,
    failures: 0,
    totals: new Array<number>(BUCKETS).fill(0),
    failed: new Array<number>(BUCKETS).fill(0),
  };
}

/** Counts one call. */
export function count(tally: Tally, result: BreakerResult, now: number): void {
  if (now - tally.lastAt >= LAPSE_MS) tally.consecutive = 0;
  tally.lastAt = now;
  if (result === "none") return;
  slide(tally, now);
  const i = tally.bucket % BUCKETS;
  tally.totals[i] = (tally.totals[i] as number) + 1;
  tally.total++;
  if (result === "good") {
    tally.consecutive = 0;
    return;
  }
  tally.failed[i] = (tally.failed[i] as number) + 1;
  tally.failures++;
  tally.consecutive++;
}

/** Drops the buckets that left the window. Call it before reading `total` and `failures`. */
export function slide(tally: Tally, now: number): void {
  const bucket = Math.floor(now / tally.bucketMs);
  if (bucket <= tally.bucket) return;
  const gone = Math.min(bucket - tally.bucket, BUCKETS);
  for (let k = 1; k <= gone; k++) {
    const i = (tally.bucket + k) % BUCKETS;
    tally.total -= tally.totals[i] as number;
    tally.failures -= tally.failed[i] as number;
    tally.totals[i] = 0;
    tally.failed[i] = 0;
  }
  tally.bucket = bucket;
}

/** Failures in a row, unless they lapsed. */
export function consecutiveFailures(tally: Tally, now: number): number {
  return now - tally.lastAt >= LAPSE_MS ? 0 : tally.consecutive;
}

/** Forgets everything. */
export function clear(tally: Tally, now: number): void {
  tally.consecutive = 0;
  tally.lastAt = now;
  tally.total = 0;
  tally.failures = 0;
  tally.totals.fill(0);
  tally.failed.fill(0);
}
