import fc from "fast-check";
import { expect, test } from "vitest";
import type { BreakerSettings } from "../../src/core/settings.route.ts";
import {
  type BreakerResult,
  clear,
  consecutiveFailures,
  count,
  createTally,
  LAPSE_MS,
  slide,
} from "../../src/policy/breaker.tally.ts";

const settings = { windowMs: 1000 } as BreakerSettings;

test("failures in a row lapse after ten minutes without a call, and any call puts that off", () => {
  const tally = createTally(settings, 0);
  for (let i = 0; i < 4; i++) count(tally, "bad", 0);
  count(tally, "none", LAPSE_MS - 1);
  expect(consecutiveFailures(tally, LAPSE_MS * 2 - 2)).toBe(4);
  expect(consecutiveFailures(tally, LAPSE_MS * 2 - 1)).toBe(0);
  count(tally, "bad", LAPSE_MS * 2 - 1);
  expect(consecutiveFailures(tally, LAPSE_MS * 2)).toBe(1);
});

test("a good call ends the row, one that says nothing does not", () => {
  const tally = createTally(settings, 0);
  count(tally, "bad", 1);
  count(tally, "none", 2);
  expect(consecutiveFailures(tally, 2)).toBe(1);
  count(tally, "good", 3);
  expect(consecutiveFailures(tally, 3)).toBe(0);
  expect({ total: tally.total, failures: tally.failures }).toEqual({ total: 2, failures: 1 });
});

test("the window forgets a call after its length, at most a tenth sooner", () => {
  const tally = createTally(settings, 0);
  count(tally, "bad", 0);
  slide(tally, 999);
  expect(tally.total).toBe(1);
  slide(tally, 1000);
  expect(tally.total).toBe(0);
  expect(tally.failures).toBe(0);
});

test("however calls come, the sums are those of the calls in the window's buckets", () => {
  const call = fc.record({
    waitMs: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 3000 })),
    result: fc.constantFrom<BreakerResult>("good", "bad", "none"),
  });
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), fc.array(call), (start, calls) => {
      let now = start;
      const tally = createTally(settings, now);
      const seen: { bucket: number; result: BreakerResult }[] = [];
      for (const { waitMs, result } of calls) {
        now += waitMs;
        count(tally, result, now);
        seen.push({ bucket: Math.floor(now / 100), result });
        slide(tally, now);
        const live = seen.filter((c) => c.result !== "none" && c.bucket > Math.floor(now / 100) - 10);
        expect(tally.total).toBe(live.length);
        expect(tally.failures).toBe(live.filter((c) => c.result === "bad").length);
      }
    }),
  );
});

test("cleared, it holds nothing and counts on", () => {
  const tally = createTally(settings, 0);
  count(tally, "bad", 10);
  clear(tally, 20);
  count(tally, "bad", 30);
  expect({ ...tally, totals: 0, failed: 0 }).toMatchObject({ consecutive: 1, total: 1, failures: 1 });
});
