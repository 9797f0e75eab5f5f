/**
 * How long answers of one route by one upstream normally take: a histogram of two halves of the window, so that it
 * forgets and its size is fixed. Buckets grow by a fifth: what is read off is at most that much too long.
 */
export interface Normal {
  /** Adds the time of an answer. */
  add(ms: number, now: number): void;
  /** The 99th percentile in milliseconds; null before {@link ENOUGH} answers are known. */
  p99(now: number): number | null;
}

/** Fewer answers say nothing of what is normal. */
export const ENOUGH = 20;

const STEPS_PER_DOUBLING = 4;
/** The last one holds all that is longer: 2^17 ms is beyond any synchronous timeout. */
const BUCKETS = 17 * STEPS_PER_DOUBLING + 1;

export function createNormal(windowMs: number, now: number): Normal {
  const halfMs = windowMs / 2;
  let half = Math.floor(now / halfMs);
  let newer = new Uint32Array(BUCKETS);
  let older = new Uint32Array(BUCKETS);

  const turn = (at: number): void => {
    const current = Math.floor(at / halfMs);
    if (current <= half) return;
    [older, newer] = current === half + 1 ? [newer, older] : [older, newer];
    newer.fill(0);
    if (current > half + 1) older.fill(0);
    half = current;
  };

  return {
    add(ms, at) {
      turn(at);
      const bucket = ms <= 1 ? 0 : Math.min(Math.ceil(Math.log2(ms) * STEPS_PER_DOUBLING), BUCKETS - 1);
      newer[bucket] = (newer[bucket] as number) + 1;
    },
    p99(at) {
      turn(at);
      let count = 0;
      for (let i = 0; i < BUCKETS; i++) count += (newer[i] as number) + (older[i] as number);
      if (count < ENOUGH) return null;
      let left = Math.floor(count * 0.01) + 1;
      for (let i = BUCKETS - 1; i >= 0; i--) {
        left -= (newer[i] as number) + (older[i] as number);
        if (left <= 0) return 2 ** (i / STEPS_PER_DOUBLING);
      }
      return null;
    },
  };
}
