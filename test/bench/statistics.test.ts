import { expect, test } from "vitest";
import { quantile, ratios, spread } from "../../bench/lib/statistics.ts";
import { formatTable, goal, number } from "../../bench/lib/table.ts";

test("a spread names the middle, the least and the greatest, in any order of measuring", () => {
  expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
});

test("nothing measured is an error, not a zero", () => {
  expect(() => spread([])).toThrow("nothing was measured");
  expect(() => quantile([], 0.5)).toThrow("nothing was measured");
});

test("a ratio compares neighbours, so that a slow minute that hits both changes nothing", () => {
  expect(ratios([30, 90, 30], [20, 60, 20])).toEqual({ median: 1.5, min: 1.5, max: 1.5 });
  expect(() => ratios([1, 2], [1])).toThrow("other half");
});

test("a quantile is the nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  expect([0, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100]);
});

test("tables line figures up to the right, signs of more than one byte included", () => {
  const table = {
    head: ["", "µs"],
    rows: [
      ["ours", "9.5"],
      ["theirs", "12.0"],
    ],
  };
  expect(formatTable(table)).toBe(["          µs", "──────  ────", "ours     9.5", "theirs  12.0"].join("\n"));
});

test("a goal is shown with whether it is met", () => {
  expect(goal(1.39, 1.4)).toBe("≤ 1.4 ✓");
  expect(goal(1.41, 1.4)).toBe("≤ 1.4 ✗");
  expect(goal(0.6, 0.5, "≥")).toBe("≥ 0.5 ✓");
  expect(goal(0.2, 0.3, "≤", " ms")).toBe("≤ 0.3 ms ✓");
  expect(goal(1, null)).toBe("");
  expect(number(28_934.6)).toBe("28,935");
});
