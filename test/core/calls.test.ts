import { expect, test } from "vitest";
import { addCells, cellsOf } from "../../src/core/calls.stored.ts";
import { addCall, addTally, type CallTally, emptyTally, statsOf } from "../../src/core/calls.ts";
import { isJudged, isSuccess, OUTCOMES } from "../../src/core/outcome.ts";

function tallyOf(...calls: readonly (readonly Parameters<typeof addCall>[number][])[]): CallTally {
  const tally = emptyTally();
  for (const call of calls) addCall(...([tally, ...call] as unknown as Parameters<typeof addCall>));
  return tally;
}

test("success is the app's own answer or what is safely kept; what was refused or left is not judged", () => {
  expect(OUTCOMES.filter(isSuccess)).toEqual(["ok", "declined", "queued"]);
  expect(OUTCOMES.filter((outcome) => !isJudged(outcome))).toEqual(["rejected", "aborted"]);
});

test("rates are of what is judged, and what was queued is beside the calls", () => {
  const stats = statsOf(
    tallyOf(
      ["ok", null, 200, 10],
      ["ok", null, 200, 20],
      ["declined", null, 404, 30],
      ["fallback", "timeout", 200, 1000],
      ["failed", "timeout", 504, 1000],
      ["failed", "connect", 502, 1],
      ["rejected", "rate_limit", 429, 0.1],
      ["aborted", null, 0, 500],
      ["queued", null, 202, 2],
      ["queued", null, 202, 2],
    ),
  );
  expect(stats).toMatchObject({ count: 8, judged: 6, success: 3, timeouts: 2, successRate: 0.5, timeoutRate: 1 / 3 });
  expect(stats.outcomes).toEqual({ ok: 2, declined: 1, fallback: 1, queued: 2, failed: 2, rejected: 1, aborted: 1 });
  expect(stats.max).toBe(1000);
  expect(stats.mean).toBeCloseTo(2061 / 6);
});

test("of nothing there are no rates, and of upgrades, which last as they like, no times", () => {
  const nothing = statsOf(emptyTally());
  expect(nothing).toMatchObject({ count: 0, successRate: null, timeoutRate: null, p50: null, mean: null, max: null });
  const upgrade = statsOf(tallyOf(["ok", null, 101, 3_600_000]));
  expect(upgrade).toMatchObject({ count: 1, success: 1, p99: null, max: null });
});

test("counts added together, and by way of cells, are those of the whole", () => {
  const a = tallyOf(["ok", null, 200, 10], ["failed", "timeout", 504, 90]);
  const b = tallyOf(["fallback", "timeout", 200, 40], ["queued", null, 202, 1]);
  a.counts.delivered = 3;
  b.counts.dead = 1;
  const added = emptyTally();
  addTally(added, a);
  addTally(added, b);
  const read = emptyTally();
  for (const one of [a, b]) addCells(read, structuredClone(cellsOf(one)));
  expect(statsOf(read)).toEqual(statsOf(added));
  expect(statsOf(added)).toMatchObject({ count: 3, judged: 3, timeouts: 2, delivered: 3, dead: 1, max: 90 });
});
