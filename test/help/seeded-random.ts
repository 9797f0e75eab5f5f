import type { Random } from "../../src/core/random.ts";

/** The same draws for the same seed (mulberry32): good enough for statistics, and a failure can be seen again. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    float,
    below: (n) => Math.floor(float() * n),
    bytes: (n) => Buffer.from(Array.from({ length: n }, () => Math.floor(float() * 256))),
  };
}
