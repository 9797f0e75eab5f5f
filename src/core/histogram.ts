/**
 * A histogram of durations that can be added to others: buckets that are linear within each power of two, so their
 * width is at most 1/64 of their value, and a value read back is at most 1/128 (0.8 %) off (as in HdrHistogram, and in
 * Prometheus' native histograms of schema 6 and more). Only buckets that hold something are kept.
 */
export type Histogram = Map<number, number>;

/** Values from 2^-8 ms (4 µs) to 2^27 ms (37 hours); what lies outside counts as the nearest. */
const LOWEST = -8;
const OCTAVES = 35;
/** So many bits of the mantissa tell buckets of one power of two apart. */
const BITS = 6;
const IN_OCTAVE = 2 ** BITS;
export const BUCKETS = OCTAVES * IN_OCTAVE;

// A double's upper half is sign, 11 bits of exponent (biased by 1023), and 20 of the mantissa (IEEE 754): its first
// bits are the bucket's number. That costs two memory accesses, where a logarithm costs ten times as much.
const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);
const UPPER = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
const FIRST = (1023 + LOWEST) << BITS;

/** The bucket of a duration in milliseconds. */
export function bucketOf(ms: number): number {
  double[0] = ms;
  const bucket = ((halves[UPPER] as number) >>> (20 - BITS)) - FIRST;
  // Negative numbers have the sign bit, and land far above.
  if (bucket < 0 || !(ms > 0)) return 0;
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/** The middle of a bucket, in milliseconds. */
export function middleOf(bucket: number): number {
  const octave = Math.floor(bucket / IN_OCTAVE);
  return 2 ** (LOWEST + octave) * (1 + ((bucket % IN_OCTAVE) + 0.5) / IN_OCTAVE);
}

export function addValue(to: Histogram, ms: number): void {
  const bucket = bucketOf(ms);
  to.set(bucket, (to.get(bucket) ?? 0) + 1);
}

export function addHistogram(to: Histogram, from: Histogram): void {
  for (const [bucket, count] of from) to.set(bucket, (to.get(bucket) ?? 0) + count);
}

/** As bytes: for each bucket that holds something its distance from the one before and its count, as LEB128. */
export function encodeHistogram(histogram: Histogram): Uint8Array {
  const bytes: number[] = [];
  let before = 0;
  for (const bucket of [...histogram.keys()].sort((a, b) => a - b)) {
    pushNumber(bytes, bucket - before);
    pushNumber(bytes, histogram.get(bucket) as number);
    before = bucket;
  }
  return Uint8Array.from(bytes);
}

/** How many values an encoded histogram has, and the one at each rank. */
export interface Quantiles {
  readonly count: number;
  /** null where there is no value. */
  readonly values: readonly (number | null)[];
}

/**
 * The value at each of `ranks` (0.5 is the median), by nearest rank: the smallest value that at least that part of all
 * do not exceed. `ranks` must ascend.
 */
export function quantiles(encoded: Uint8Array, ranks: readonly number[]): Quantiles {
  let count = 0;
  decode(encoded, (_, here) => {
    count += here;
  });
  const values: (number | null)[] = [];
  let seen = 0;
  decode(encoded, (bucket, here) => {
    seen += here;
    while (values.length < ranks.length && seen >= Math.max(Math.ceil((ranks[values.length] as number) * count), 1)) {
      values.push(middleOf(bucket));
    }
  });
  return { count, values: ranks.map((_, i) => values[i] ?? null) };
}

/** Adds what {@link encodeHistogram} wrote. Bytes that are damaged add what can be read, and nothing out of range. */
export function addEncoded(to: Histogram, bytes: Uint8Array): void {
  decode(bytes, (bucket, count) => to.set(bucket, (to.get(bucket) ?? 0) + count));
}

/** Sums many encoded histograms, one after the other: several times as fast as by {@link addEncoded}. */
export interface HistogramSum {
  add(bytes: Uint8Array): void;
  /** The sum, encoded; and begins anew. */
  take(): Uint8Array;
}

export function createHistogramSum(): HistogramSum {
  const counts = new Float64Array(BUCKETS);
  const add = (bucket: number, count: number): void => {
    counts[bucket] = (counts[bucket] as number) + count;
  };
  return {
    add: (bytes) => decode(bytes, add),
    take() {
      const bytes: number[] = [];
      let before = 0;
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const count = counts[bucket] as number;
        if (count === 0) continue;
        pushNumber(bytes, bucket - before);
        pushNumber(bytes, count);
        before = bucket;
      }
      counts.fill(0);
      return Uint8Array.from(bytes);
    },
  };
}

function decode(bytes: Uint8Array, each: (bucket: number, count: number) => void): void {
  let at = 0;
  let bucket = 0;
  const number = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) return value;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  while (at < bytes.length) {
    bucket += number();
    const count = number();
    if (bucket >= BUCKETS) return;
    each(bucket, count);
  }
}

function pushNumber(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}
