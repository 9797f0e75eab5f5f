import { randomBytes, randomInt } from "node:crypto";

/** Randomness as an argument, so that a test can fix it. This file is the only one that draws. */
export interface Random {
  /** Uniform in [0, 1). Fast, not for secrets: jitter and weights. */
  float(): number;
  /** Uniform integer in [0, n), from the cryptographic source: picks that people care about. `n` ≤ 2^48-1. */
  below(n: number): number;
  /** `n` cryptographically random bytes. */
  bytes(n: number): Buffer;
}

// Small draws are served from a pool: one call into the kernel for many ids.
const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);
let used = 0;

export const systemRandom: Random = {
  float: () => Math.random(),
  below: (n) => (n <= 1 ? 0 : randomInt(n)),
  bytes: (n) => {
    if (n > POOL_BYTES) return randomBytes(n);
    if (used + n > pool.length) {
      pool = randomBytes(POOL_BYTES);
      used = 0;
    }
    used += n;
    return pool.subarray(used - n, used);
  },
};
