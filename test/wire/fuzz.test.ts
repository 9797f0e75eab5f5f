import { expect, test } from "vitest";
import { systemRandom } from "../../src/core/random.ts";
import { fuzz } from "./fuzz/run.ts";

/** The short form of `npm run fuzz`, which says what is drawn and what must hold; `.ci/run` draws for a minute. */

const ROUNDS = 60;

test("whatever callers and apps send, each side sees only what was meant for it, and nothing is left over", async () => {
  const seed = 1 + systemRandom.below(2 ** 31);
  const { failure, exchanges, taken } = await fuzz(seed, (rounds) => rounds >= ROUNDS);
  expect(failure, `seed ${seed}: npm run fuzz -- --seed ${seed}`).toBeNull();
  expect(taken).toBeGreaterThan(exchanges / 10);
});
