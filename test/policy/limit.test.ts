import fc from "fast-check";
import { expect, test } from "vitest";
import { createTokenBucket } from "../../src/policy/limit.ts";

test("a full bucket gives its burst at once, then says when the next token comes", () => {
  const bucket = createTokenBucket({ rps: 10, burst: 3 }, 0);
  expect([0, 0, 0].map((now) => bucket.take(now))).toEqual([0, 0, 0]);
  expect(bucket.take(0)).toBe(100);
  expect(bucket.take(40)).toBe(60);
  expect(bucket.take(100)).toBe(0);
  expect(bucket.take(100)).toBe(100);
});

test("an idle bucket fills up to its burst and no further", () => {
  const bucket = createTokenBucket({ rps: 10, burst: 2 }, 0);
  bucket.take(0);
  bucket.take(0);
  const later = 3_600_000;
  expect([bucket.take(later), bucket.take(later), bucket.take(later)]).toEqual([0, 0, 100]);
});

test("a burst below one still lets single requests through", () => {
  const bucket = createTokenBucket({ rps: 1, burst: 0 }, 0);
  expect(bucket.take(0)).toBe(0);
  expect(bucket.take(1)).toBeCloseTo(999);
});

test("used tokens stay used through a reload, and the new rate holds from then on", () => {
  const bucket = createTokenBucket({ rps: 1, burst: 10 }, 0);
  for (let i = 0; i < 10; i++) bucket.take(0);
  bucket.configure({ rps: 10, burst: 10 }, 0);
  expect(bucket.take(0)).toBeCloseTo(100);
  const fresh = createTokenBucket({ rps: 1, burst: 10 }, 0);
  for (let i = 0; i < 8; i++) fresh.take(0);
  fresh.configure({ rps: 1, burst: 4 }, 0);
  expect(fresh.take(0)).toBeCloseTo(1000);
  fresh.configure({ rps: 1, burst: 6 }, 0);
  expect([fresh.take(0), fresh.take(0)]).toEqual([0, 0]);
  expect(fresh.take(0)).toBeCloseTo(1000);
});

const settings = fc.record({
  rps: fc.double({ min: 0.1, max: 5000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 500 }),
});
const gaps = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { minLength: 1, maxLength: 300 });

test("in no stretch of time do more pass than the burst and the rate allow", () => {
  fc.assert(
    fc.property(settings, gaps, (given, steps) => {
      const bucket = createTokenBucket(given, 0);
      const passed: number[] = [];
      let now = 0;
      for (const step of steps) {
        now += step;
        if (bucket.take(now) === 0) passed.push(now);
      }
      for (let i = 0; i < passed.length; i++) {
        const allowed = given.burst + ((passed.at(-1) ?? 0) - (passed[i] ?? 0)) * (given.rps / 1000);
        expect(passed.length - i).toBeLessThanOrEqual(allowed + 1e-6);
      }
    }),
  );
});

test("whoever waits as long as told gets a token, and not much sooner", () => {
  fc.assert(
    fc.property(settings, gaps, (given, steps) => {
      const bucket = createTokenBucket(given, 0);
      let now = 1e9;
      for (const step of steps) {
        now += step / 100;
        const waitMs = bucket.take(now);
        if (waitMs === 0) continue;
        if (waitMs > 0.01) expect(bucket.take(now + waitMs - 0.005)).toBeGreaterThan(0);
        now += waitMs;
        expect(bucket.take(now)).toBe(0);
      }
    }),
  );
});
