import { expect, test } from "vitest";
import { type Plot, plot, scaleTo } from "../../bench/lib/plot.ts";

const cost = (more: Partial<Plot> = {}): string =>
  plot({
    title: "Cost & size",
    x: {
      label: "bytes <of a body>",
      scale: "log",
      ticks: [
        { at: 0, text: "none" },
        { at: 1_000, text: "1k" },
      ],
    },
    panels: [
      {
        label: "µs a request",
        series: [
          {
            name: "ours",
            points: [
              { x: 0, y: 10 },
              { x: 10, y: 20 },
              { x: 1_000, y: 40, min: 35, max: 60 },
            ],
          },
        ],
      },
    ],
    ...more,
  });

/** Where the three points stand. */
function circles(svg: string): [Place, Place, Place] {
  const places = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
  expect(places).toHaveLength(3);
  return places as [Place, Place, Place];
}

interface Place {
  readonly x: number;
  readonly y: number;
}

test("a point stands as high as its value, from zero", () => {
  const [low, middle, high] = circles(cost());
  // All of the height is a scale of 0 to 60.
  expect(low.y - middle.y).toBeCloseTo((middle.y - high.y) / 2, 0);
});

test("on a scale of factors each factor is as wide as the next, and nothing stands a factor of ten before the least", () => {
  const [none, ten, thousand] = circles(cost());
  expect((thousand.x - ten.x) / (ten.x - none.x)).toBeCloseTo(2, 1);
});

test("ticks stand under their points", () => {
  const svg = cost();
  const [none, , thousand] = circles(svg);
  expect(svg).toContain(`<text x="${none.x}" y="300" text-anchor="middle">none</text>`);
  expect(svg).toContain(`<text x="${thousand.x}" y="300" text-anchor="middle">1k</text>`);
});

test("the least and the greatest of several measurements are a line through their point", () => {
  const svg = cost();
  const [, y1, y2] = /<line class="s0" x1="[\d.]+" x2="[\d.]+" y1="([\d.]+)" y2="([\d.]+)"/.exec(svg) ?? [];
  const [, , point] = circles(svg);
  expect(Number(y1)).toBeGreaterThan(point.y);
  expect(Number(y2)).toBeLessThan(point.y);
});

test("words are words, and never markup", () => {
  expect(cost()).toContain("Cost &amp; size");
  expect(cost()).toContain("bytes &lt;of a body&gt;");
});

test("it follows its reader's light or dark, and loads nothing", () => {
  const svg = cost();
  expect(svg).toContain("prefers-color-scheme:dark");
  expect(svg.replace("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\(|href|<script/);
});

test("lines have names where there is more than one, and no more than can be told apart", () => {
  const line = (name: string) => ({ name, points: [{ x: 1, y: 1 }] });
  const panel = (names: readonly string[]) => cost({ panels: [{ label: "ms", series: names.map(line) }] });
  expect(panel(["only"])).not.toContain("only");
  expect(panel(["p50", "p99"])).toMatch(/<text class="f0"[^>]*>p50</);
  expect(panel(["p50", "p99"])).toMatch(/<text class="f1"[^>]*>p99</);
  expect(() => panel(["a", "b", "c", "d", "e"])).toThrow("cannot be told apart");
});

test("a plot of nothing is an error", () => {
  expect(() => cost({ panels: [{ label: "ms", series: [] }] })).toThrow("nothing was measured");
});

test.each([
  [0, 1, 4],
  [0.037, 0.01, 0.04],
  [6, 1, 6],
  [61, 20, 80],
  [300, 50, 300],
])("a scale to %d has steps of %d and ends at %d", (value, step, most) => {
  const found = scaleTo(value);
  expect(found.step).toBeCloseTo(step, 9);
  expect(found.most).toBeCloseTo(most, 9);
});
