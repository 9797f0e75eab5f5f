import { addHistogram, addValue, encodeHistogram, type Histogram, quantiles } from "./histogram.ts";
import { isJudged, isSuccess, OUTCOMES, type Outcome, type Reason } from "./outcome.ts";

/**
 * The history of calls: what is counted of them, and what is read out of the counts. A call of a synchronous or
 * passthrough route is a request of its caller. One of an asynchronous route is an attempt to deliver a job: its 202
 * says nothing about the app, so `queued` is counted beside the calls, never among them.
 */

/** Counts are kept by the minute so long; what is older is known by the hour. */
export const MINUTES_KEPT_MS = 48 * 3_600_000;

/** What is counted in each span of time. `delivered` and `dead`: stored jobs that ended. */
export const CALL_COUNTS = [...OUTCOMES, "timeouts", "delivered", "dead"] as const;
export type CallCount = (typeof CALL_COUNTS)[number];

/** Counts that can be added to others. */
export interface CallTally {
  readonly counts: Record<CallCount, number>;
  /** Of the calls that are judged; of upgrades, which last as long as somebody listens, none. */
  readonly latency: Histogram;
  sumMs: number;
  maxMs: number;
}

/** Whose calls: of a route, with null of an app, with two nulls all of them. */
export interface CallScope {
  readonly app: string | null;
  readonly capability: string | null;
}

export interface CallStats {
  /** Calls, whatever became of them. */
  readonly count: number;
  /** Of them, those that say something about the app: all but rejected and aborted. Rates are of these. */
  readonly judged: number;
  readonly success: number;
  /** Calls that ended because the app did not answer in time; also where a fallback answered. */
  readonly timeouts: number;
  /** From 0 to 1; null where nothing is judged. */
  readonly successRate: number | null;
  readonly timeoutRate: number | null;
  /** Milliseconds, at most 1 % off; null where nothing is known. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly mean: number | null;
  readonly max: number | null;
  /** With `queued`, which is in none of the numbers above. */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly delivered: number;
  readonly dead: number;
}

/** Unix milliseconds: from the first on, before the second. */
export interface CallRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was asked for, widened to whole steps. */
export interface CallSeries extends CallScope, CallRange {
  readonly stepMs: number;
  readonly total: CallStats;
  /** One for each step, in order, also where nothing happened. */
  readonly points: readonly CallPoint[];
}

export interface CallPoint extends CallStats {
  /** Where the step begins. */
  readonly at: number;
}

/** One call, as kept beside the counts. */
export interface NewSample {
  readonly app: string;
  readonly capability: string;
  readonly at: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  /** 0 where there was no answer. */
  readonly status: number;
  readonly attempts: number;
  readonly requestId: string;
}

export interface StoredSample extends Omit<NewSample, "app" | "capability"> {
  readonly id: number;
}

export function emptyTally(): CallTally {
  return {
    counts: {
      ok: 0,
      declined: 0,
      fallback: 0,
      queued: 0,
      failed: 0,
      rejected: 0,
      aborted: 0,
      timeouts: 0,
      delivered: 0,
      dead: 0,
    },
    latency: new Map(),
    sumMs: 0,
    maxMs: 0,
  };
}

/** Of an upgrade: the connection goes on. */
const SWITCHING_PROTOCOLS = 101;

/** Counts one call. */
export function addCall(to: CallTally, outcome: Outcome, reason: Reason | null, status: number, ms: number): void {
  to.counts[outcome]++;
  if (outcome === "queued" || !isJudged(outcome)) return;
  if (reason === "timeout") to.counts.timeouts++;
  if (status === SWITCHING_PROTOCOLS) return;
  addValue(to.latency, ms);
  to.sumMs += ms;
  if (ms > to.maxMs) to.maxMs = ms;
}

export function addTally(to: CallTally, from: CallTally): void {
  for (const name of CALL_COUNTS) to.counts[name] += from.counts[name];
  addHistogram(to.latency, from.latency);
  to.sumMs += from.sumMs;
  to.maxMs = Math.max(to.maxMs, from.maxMs);
}

const RANKS = [0.5, 0.95, 0.99];

export function statsOf({ counts, latency, sumMs, maxMs }: CallTally): CallStats {
  return statsFrom(counts, encodeHistogram(latency), sumMs, maxMs);
}

/** The same, of a histogram as `encodeHistogram` writes it. */
export function statsFrom(
  counts: Readonly<Record<CallCount, number>>,
  latency: Uint8Array,
  sumMs: number,
  maxMs: number,
): CallStats {
  let count = 0;
  let judged = 0;
  let success = 0;
  for (const outcome of OUTCOMES) {
    if (outcome === "queued") continue;
    count += counts[outcome];
    if (isJudged(outcome)) judged += counts[outcome];
    if (isSuccess(outcome)) success += counts[outcome];
  }
  const { timeouts, delivered, dead, ...outcomes } = counts;
  const { count: measured, values } = quantiles(latency, RANKS);
  const [p50 = null, p95 = null, p99 = null] = values;
  return {
    count,
    judged,
    success,
    timeouts,
    successRate: judged === 0 ? null : success / judged,
    timeoutRate: judged === 0 ? null : timeouts / judged,
    p50,
    p95,
    p99,
    mean: measured === 0 ? null : sumMs / measured,
    max: measured === 0 ? null : maxMs,
    outcomes,
    delivered,
    dead,
  };
}
