import type { Bench } from "./bench.ts";
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

/** Puts so many jobs and empties the queue of them. */
export type Drain = (jobs: number) => Promise<Drained>;

/** In turn, `pairs` times, after a warm-up of both; without the other one ours alone. */
export async function drainInPairs(
  bench: Bench,
  ours: Drain,
  theirs: { readonly name: string; readonly drain: Drain } | null,
  { jobs, warmUp }: { readonly jobs: number; readonly warmUp: number },
): Promise<{ readonly ours: readonly Drained[]; readonly theirs: readonly Drained[] }> {
  const { pairs } = bench.options;
  bench.say("warming up");
  await ours(warmUp);
  await theirs?.drain(warmUp);
  const found: { ours: Drained[]; theirs: Drained[] } = { ours: [], theirs: [] };
  for (let pair = 1; pair <= pairs; pair++) {
    const a = await ours(jobs);
    found.ours.push(a);
    const b = (await theirs?.drain(jobs)) ?? null;
    if (b !== null) found.theirs.push(b);
    const figure = (run: Drained): string => `${run.us.toFixed(1)} µs ${Math.round(run.perSecond)}/s`;
    bench.say(`pair ${pair} of ${pairs}: ${figure(a)}${b === null ? "" : `, ${theirs?.name} ${figure(b)}`}`);
  }
  return found;
}
