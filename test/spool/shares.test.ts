import fc from "fast-check";
import { expect, test } from "vitest";
import { laneMayStart, mayStart, routeMayStart } from "../../src/spool/shares.ts";

const SHARES = { concurrency: 64, perApp: 16 };

test("an app with due jobs always gets one slot, over concurrency if need be", () => {
  expect(mayStart(0, 64, 10, SHARES)).toBe(true);
  expect(mayStart(0, 500, 1000, SHARES)).toBe(true);
  expect(mayStart(1, 64, 10, SHARES)).toBe(false);
});

test("alone, an app has all its slots; no app has more", () => {
  expect(mayStart(15, 15, 1, SHARES)).toBe(true);
  expect(mayStart(16, 16, 1, SHARES)).toBe(false);
});

test("apps that hang leave a quarter of the slots to the others", () => {
  // Ten apps are busy: a fair part is six slots, and the last quarter is for those below theirs.
  expect(mayStart(6, 47, 10, SHARES)).toBe(true);
  expect(mayStart(6, 48, 10, SHARES)).toBe(false);
  expect(mayStart(5, 63, 10, SHARES)).toBe(true);
});

test("a route holds at most three quarters of its app's slots while another is due", () => {
  expect(routeMayStart(11, true, SHARES)).toBe(true);
  expect(routeMayStart(12, true, SHARES)).toBe(false);
  expect(routeMayStart(15, false, SHARES)).toBe(true);
});

test("first tries and retries have a half each while both are due", () => {
  expect(laneMayStart(7, true, SHARES)).toBe(true);
  expect(laneMayStart(8, true, SHARES)).toBe(false);
  expect(laneMayStart(15, false, SHARES)).toBe(true);
});

test("whatever apps hold, each one that is due gets its slots in the end, and the bounds hold but for the one", () => {
  const settings = fc.record({
    concurrency: fc.integer({ min: 1, max: 100 }),
    perApp: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 30 }), (shares, apps) => {
      const active = new Array<number>(apps).fill(0);
      const total = (): number => active.reduce((sum, n) => sum + n, 0);
      for (let progress = true; progress; ) {
        progress = false;
        for (let i = 0; i < apps; i++) {
          if (!mayStart(active[i]!, total(), apps, shares)) continue;
          active[i]!++;
          progress = true;
        }
      }
      expect(Math.min(...active)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...active)).toBeLessThanOrEqual(Math.max(1, shares.perApp));
      expect(total()).toBeLessThanOrEqual(Math.max(apps, shares.concurrency));
    }),
  );
});
