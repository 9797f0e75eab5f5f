import fc from "fast-check";
import { expect, test } from "vitest";
import { createNormal, ENOUGH } from "../../src/policy/failover.normal.ts";

test("too few answers say nothing of what is normal", () => {
  const normal = createNormal(60_000, 0);
  for (let n = 1; n < ENOUGH; n++) normal.add(20, 0);
  expect(normal.p99(0)).toBeNull();
  normal.add(20, 0);
  expect(normal.p99(0)).not.toBeNull();
});

test("the 99th percentile is at most a fifth too long and never too short", () => {
  const times = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: ENOUGH, maxLength: 300 });
  fc.assert(
    fc.property(times, (given) => {
      const normal = createNormal(60_000, 0);
      for (const ms of given) normal.add(ms, 0);
      const exact = given.toSorted((a, b) => b - a)[Math.floor(given.length * 0.01)] ?? 0;
      const p99 = normal.p99(0) ?? 0;
      expect(p99).toBeGreaterThanOrEqual(exact * 0.999_999);
      expect(p99).toBeLessThanOrEqual(exact * 2 ** 0.25);
    }),
  );
});

test("what is older than the window is forgotten, what is younger than half of it is not", () => {
  const normal = createNormal(60_000, 0);
  for (let n = 0; n < 50; n++) normal.add(9_000, 0);
  for (let n = 0; n < 50; n++) normal.add(20, 30_000);
  expect(normal.p99(59_999)).toBeGreaterThan(8_000);
  expect(normal.p99(60_000)).toBeLessThan(30);
  expect(normal.p99(200_000)).toBeNull();
});
