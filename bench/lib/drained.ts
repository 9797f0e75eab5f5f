import type { ProcessorTime } from "./processor-time.ts";
import { type Spread, spread } from "./statistics.ts";

/** One queue, emptied once. */
export interface Drained {
  readonly jobs: number;
  readonly perSecond: number;
  /** Processor time per job, in microseconds. */
  readonly us: number;
}

export function drained(jobs: number, ms: number, before: ProcessorTime, after: ProcessorTime): Drained {
  const spentMs = after.userMs - before.userMs + after.systemMs - before.systemMs;
  return { jobs, perSecond: (1000 * jobs) / ms, us: (1000 * spentMs) / jobs };
}

export interface DrainSummary {
  readonly us: Spread;
  readonly perSecond: Spread;
}

export function summarizeDrains(runs: readonly Drained[]): DrainSummary {
  return { us: spread(runs.map((run) => run.us)), perSecond: spread(runs.map((run) => run.perSecond)) };
}
