/** Rate limiting by the generic cell rate algorithm: a token bucket whose whole state is one time. */

interface RateSettings {
  readonly rps: number;
  readonly burst: number;
}

export interface TokenBucket {
  /** Takes a token: 0 where there was one, else the milliseconds until there is (and none is taken). */
  take(now: number): number;
  /** New settings from the next `take` on; tokens already used stay used. */
  configure(settings: RateSettings, now: number): void;
}

// Sums of fractions drift by less than this; without it a caller who waits exactly as told could be one ulp early.
const SLACK_MS = 1e-6;

/**
 * A full bucket of `burst` tokens (at least one), refilled at `rps` a second. `fullAt` is the time at which it
 * is full again (the theoretical arrival time of GCRA, ITU-T I.371). Times are `Clock.now()` milliseconds.
 */
export function createTokenBucket(settings: RateSettings, now: number): TokenBucket {
  let intervalMs = 1000 / settings.rps;
  let toleranceMs = (Math.max(settings.burst, 1) - 1) * intervalMs;
  let fullAt = now;
  return {
    take(now) {
      const from = Math.max(fullAt, now);
      const waitMs = from - now - toleranceMs;
      if (waitMs > SLACK_MS) return waitMs;
      fullAt = from + intervalMs;
      return 0;
    },
    configure(next, now) {
      const used = Math.max(0, fullAt - now) / intervalMs;
      intervalMs = 1000 / next.rps;
      toleranceMs = (Math.max(next.burst, 1) - 1) * intervalMs;
      // Tokens are kept, not times; a smaller bucket can at most be empty.
      fullAt = now + Math.min(used * intervalMs, toleranceMs + intervalMs);
    },
  };
}
