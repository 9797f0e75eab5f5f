import {
  CALL_COUNTS,
  type CallCount,
  type CallScope,
  type CallStats,
  type CallTally,
  type NewSample,
  type StoredSample,
  statsFrom,
} from "./calls.ts";
import { addEncoded, createHistogramSum, encodeHistogram } from "./histogram.ts";
import type { RouteName } from "./job.ts";
import type { Page, PageRequest } from "./stored.ts";

/** The history of calls as it is written down. Minutes and hours are counted since 1970. */

/** Counts as plain data. */
export interface CallCells {
  /** In the order of {@link CALL_COUNTS}. */
  readonly counts: readonly number[];
  readonly sumMs: number;
  readonly maxMs: number;
  /** As `encodeHistogram` writes it. */
  readonly latency: Uint8Array;
}

/** What is to be added to one minute of one scope. */
export interface CallRow extends CallScope {
  readonly minute: number;
  readonly cells: CallCells;
}

/** From one minute on, before another. `coarse`: whole hours within it may be read as such. */
export interface MinuteRange {
  readonly from: number;
  readonly to: number;
  readonly coarse: boolean;
}

/** Steps of a range that have counts: which one, and its counts. */
export type CallSteps = readonly (readonly [step: number, cells: CallCells])[];

/** How much is kept. */
export interface CallBounds {
  /** Minutes before this one go, once their hour is written. */
  readonly minute: number;
  /** Hours before this one go. */
  readonly hour: number;
  /** Samples of before: Unix milliseconds. */
  readonly samplesMs: number;
  /** Of the file: beyond it the oldest samples go, then minutes, then hours. */
  readonly maxBytes: number;
}

/** The store of it. Every promise may reject. Each call is a small step, so that nobody waits long behind one. */
export interface CallStore {
  add(rows: readonly CallRow[]): Promise<void>;
  addSamples(samples: readonly NewSample[]): Promise<void>;
  /** Of each scope the steps of `stepMinutes` from the range's begin on that have counts. */
  read(scopes: readonly CallScope[], range: MinuteRange, stepMinutes: number): Promise<readonly CallSteps[]>;
  /** The sums of some routes, and where to go on: null at the end. `after`: 0 at the start. */
  sweep(range: MinuteRange, after: number): Promise<CallSweep>;
  known(scope: CallScope): Promise<boolean>;
  samples(query: PageRequest & RouteName & { readonly failures: boolean }): Promise<Page<StoredSample>>;
  /** Writes an hour before `hour` of some scopes; false once there is nothing to write. */
  roll(hour: number): Promise<boolean>;
  /** Drops some of what is too much; false once there is nothing to drop. */
  prune(bounds: CallBounds): Promise<boolean>;
}

export interface CallSweep {
  readonly routes: readonly (RouteName & { readonly cells: CallCells })[];
  readonly next: number | null;
}

export function cellsOf({ counts, sumMs, maxMs, latency }: CallTally): CallCells {
  return { counts: CALL_COUNTS.map((name) => counts[name]), sumMs, maxMs, latency: encodeHistogram(latency) };
}

export function statsOfCells({ counts, latency, sumMs, maxMs }: CallCells): CallStats {
  const named = Object.fromEntries(CALL_COUNTS.map((name, i) => [name, counts[i] ?? 0]));
  return statsFrom(named as Record<CallCount, number>, latency, sumMs, maxMs);
}

export function addCells(to: CallTally, { counts, sumMs, maxMs, latency }: CallCells): void {
  for (const [i, name] of CALL_COUNTS.entries()) to.counts[name] += counts[i] ?? 0;
  addEncoded(to.latency, latency);
  to.sumMs += sumMs;
  to.maxMs = Math.max(to.maxMs, maxMs);
}

/** Sums cells, one after the other. */
export interface CellSum {
  add(cells: CallCells): void;
  /** The sum; and begins anew. */
  take(): CallCells;
}

export function createCellSum(): CellSum {
  const latency = createHistogramSum();
  let counts: number[] = CALL_COUNTS.map(() => 0);
  let sumMs = 0;
  let maxMs = 0;
  return {
    add(cells) {
      for (let i = 0; i < counts.length; i++) counts[i] = (counts[i] as number) + (cells.counts[i] ?? 0);
      sumMs += cells.sumMs;
      maxMs = Math.max(maxMs, cells.maxMs);
      latency.add(cells.latency);
    },
    take() {
      const sum = { counts, sumMs, maxMs, latency: latency.take() };
      counts = counts.map(() => 0);
      sumMs = 0;
      maxMs = 0;
      return sum;
    },
  };
}
