import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CURVES } from "../../bench/cases/curves.ts";
import { drawing } from "../../bench/lib/curve.ts";

const at = (median: number) => ({ median, min: median - 1, max: median + 1 });

test("figures go to the lines of their panels in the order in which they were measured", () => {
  const svg = drawing(
    {
      title: "Jobs",
      along: { label: "waiting", text: (value) => `${value} jobs` },
      panels: [
        { label: "µs", lines: ["in", "out"] },
        { label: "ms", lines: ["asked"] },
      ],
    },
    [0, 100],
    [
      [at(10), at(20), at(500)],
      [at(10), at(30), at(500)],
    ],
  );
  expect([...svg.matchAll(/>(\d+ jobs)</g)].map(([, text]) => text)).toEqual(["0 jobs", "100 jobs"]);
  const lines = [...svg.matchAll(/<polyline class="line (s\d)" points="([^"]+)"/g)].map(([, line, points = ""]) => ({
    line,
    heights: points.split(" ").map((point) => Number(point.split(",")[1])),
  }));
  expect(lines.map(({ line }) => line)).toEqual(["s0", "s1", "s0"]);
  const [taken, sent, asked] = lines.map(({ heights }) => heights) as [number[], number[], number[]];
  expect(taken[0]).toBe(taken[1]);
  expect(sent[1]).toBeLessThan(sent[0]!);
  expect(asked[0]).toBe(asked[1]);
  // The second panel is below the first.
  expect(asked[0]).toBeGreaterThan(taken[0]!);
});

test("each curve is shown in the page about performance, and grows from least to most in both forms", () => {
  const page = readFileSync("docs/performance.md", "utf8");
  expect([...page.matchAll(/curves\/(\w+)\.svg/g)].map(([, name]) => name).sort()).toEqual(
    CURVES.map(({ name }) => name).sort(),
  );
  for (const { values } of CURVES) {
    for (const list of [values.short, values.usual]) expect(list).toEqual(list.toSorted((a, b) => a - b));
  }
});
