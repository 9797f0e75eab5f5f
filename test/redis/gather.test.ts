import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createGatherer } from "../../src/redis/spool/gather.ts";

/** What is asked of Redis in one turn of the event loop goes there together, within bounds. */

const LIMITS = { most: 4, bytes: 100, sizeOf: (size: number) => size };

/** A script that doubles; `parts` is what it was run with. */
function doubling() {
  const parts: (readonly number[])[] = [];
  const run = async (all: readonly number[]): Promise<readonly number[]> => {
    parts.push(all);
    return all.map((one) => one * 2);
  };
  return { parts, run };
}

test("what is asked in one turn is one script, and each has its own answer", async () => {
  const { parts, run } = doubling();
  const { ask } = createGatherer(run, LIMITS);
  expect(await Promise.all([1, 2, 3].map(ask))).toEqual([2, 4, 6]);
  await turn();
  expect(await ask(4)).toBe(8);
  expect(parts).toEqual([[1, 2, 3], [4]]);
});

test("no script has more than so many, nor more bytes, but for one that is larger by itself", async () => {
  const { parts, run } = doubling();
  const { ask } = createGatherer(run, LIMITS);
  const sizes = [1, 2, 3, 4, 5, 60, 60, 500, 1, 99, 1];
  expect(await Promise.all(sizes.map(ask))).toEqual(sizes.map((size) => size * 2));
  expect(parts).toEqual([[1, 2, 3, 4], [5, 60], [60], [500], [1, 99], [1]]);
});

test("where a script fails all that were in it hear so, and no others", async () => {
  const run = async (all: readonly number[]): Promise<readonly number[]> => {
    if (all.includes(13)) throw new Error("away");
    return all;
  };
  const { ask } = createGatherer(run, { ...LIMITS, most: 2 });
  const ends = await Promise.allSettled([1, 13, 3].map(ask));
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  expect(await ask(5)).toBe(5);
});

test("an answer that is missing is an error, not silence", async () => {
  const { ask } = createGatherer(async () => [1], LIMITS);
  const ends = await Promise.allSettled([1, 2].map(ask));
  expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
});
