import { describe, expect, test } from "vitest";
import {
  addEncoded,
  addHistogram,
  addValue,
  BUCKETS,
  bucketOf,
  encodeHistogram,
  type Histogram,
  middleOf,
  quantiles,
} from "../../src/core/histogram.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

const RANKS = [0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

/** By nearest rank, from the values themselves. */
function exact(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil(rank * sorted.length), 1) - 1] as number;
}

function histogramOf(values: readonly number[]): Histogram {
  const histogram: Histogram = new Map();
  for (const value of values) addValue(histogram, value);
  return histogram;
}

const offBy = (found: number, right: number): number => Math.abs(found - right) / right;

const random = createSeededRandom(7);
const many = (n: number, draw: (u: number) => number): number[] =>
  Array.from({ length: n }, () => draw(random.float()));

describe("a percentile is at most 1 % off the exact one", () => {
  test.each<[string, number[]]>([
    ["of one value", [37.25]],
    ["of two", [1, 1000]],
    ["of latencies with a long tail", many(20_000, (u) => 2 + 40 * (-Math.log(1 - u)) ** 3)],
    ["of latencies around one", many(20_000, (u) => 100 + 10 * u)],
    ["of two crowds far apart", many(5_000, (u) => (u < 0.5 ? 0.05 + u / 100 : 9_000 + 100 * u))],
    ["of every order from 4 µs to 37 hours", many(20_000, (u) => 2 ** (-7.9 + 34.8 * u))],
    ["of whole milliseconds", many(3_000, (u) => Math.ceil(u * 300))],
    ["of powers of two, where buckets begin", many(200, (u) => 2 ** Math.floor(u * 20))],
  ])("%s", (_, values) => {
    const { count, values: found } = quantiles(encodeHistogram(histogramOf(values)), RANKS);
    expect(count).toBe(values.length);
    for (const [i, rank] of RANKS.entries()) expect(offBy(found[i] as number, exact(values, rank))).toBeLessThan(0.01);
  });
});

test("the bound of 1/128 holds at both ends of every bucket", () => {
  for (let bucket = 1; bucket < BUCKETS - 1; bucket++) {
    const low = (middleOf(bucket - 1) + middleOf(bucket)) / 2;
    expect(offBy(middleOf(bucket), low)).toBeLessThan(1 / 100);
    expect(bucketOf(middleOf(bucket))).toBe(bucket);
  }
});

test("what lies outside counts as the nearest, and nothing is no number", () => {
  for (const ms of [0, -1, Number.NaN, 1e-9, Number.NEGATIVE_INFINITY]) expect(bucketOf(ms)).toBe(0);
  for (const ms of [1e12, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) expect(bucketOf(ms)).toBe(BUCKETS - 1);
  expect(quantiles(encodeHistogram(new Map()), [0.5, 0.99])).toEqual({ count: 0, values: [null, null] });
});

test("parts added together are the same as the whole, in any order, also by way of bytes", () => {
  const parts = [3, 1_000, 0, 77].map((n) => many(n, (u) => 0.5 + 1_000 * u ** 4));
  const whole = histogramOf(parts.flat());
  const added: Histogram = new Map();
  for (const part of [...parts].reverse()) addHistogram(added, histogramOf(part));
  const read: Histogram = new Map();
  for (const part of parts) addEncoded(read, encodeHistogram(histogramOf(part)));
  const sorted = (histogram: Histogram) => [...histogram].sort(([a], [b]) => a - b);
  expect(sorted(added)).toEqual(sorted(whole));
  expect(sorted(read)).toEqual(sorted(whole));
});

test("large counts go through bytes as they are, and bytes are few", () => {
  const histogram: Histogram = new Map([
    [0, 1],
    [700, 2 ** 40],
    [BUCKETS - 1, 127],
  ]);
  const bytes = encodeHistogram(histogram);
  const read: Histogram = new Map();
  addEncoded(read, bytes);
  expect(read).toEqual(histogram);
  expect(bytes.length).toBeLessThan(16);
  expect(encodeHistogram(histogramOf(many(100, (u) => 5 + 5 * u))).length).toBeLessThan(150);
});

test("damaged bytes put nothing out of range", () => {
  for (let n = 0; n < 500; n++) {
    const histogram: Histogram = new Map();
    addEncoded(histogram, Uint8Array.from(many(20, (u) => Math.floor(u * 256))));
    for (const bucket of histogram.keys()) expect(bucket).toBeLessThan(BUCKETS);
  }
});
