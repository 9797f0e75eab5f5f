import type { Bench } from "./bench.ts";
import { saturate } from "./load.ts";
import { processorTime } from "./processor-time.ts";
import { ratios, type Spread, spread } from "./statistics.ts";
import { prove, type Target } from "./target.ts";

/** One run under full load. */
export interface Run {
  /** Processor time of the target's process per request it answered, in microseconds. */
  readonly userUs: number;
  readonly systemUs: number;
  readonly us: number;
  readonly perSecond: number;
}

/** After a run the target closes its connections: that work belongs to the run. */
const SETTLE_MS = 100;

export async function measure(bench: Bench, target: Target, seconds: number): Promise<Run> {
  await prove(target);
  const before = processorTime(target.pid);
  const load = await saturate(bench, target, seconds);
  await new Promise((done) => setTimeout(done, SETTLE_MS));
  const after = processorTime(target.pid);
  const userUs = ((after.userMs - before.userMs) * 1000) / load.requests;
  const systemUs = ((after.systemMs - before.systemMs) * 1000) / load.requests;
  return { userUs, systemUs, us: userUs + systemUs, perSecond: load.requests / load.seconds };
}

/** Ours against one other, pair by pair. */
export interface Paired {
  readonly target: Target;
  readonly runs: readonly Run[];
  /** Ours, each right before the run of the same place in `runs`. */
  readonly ours: readonly Run[];
  /** Processor time per request, ours over theirs. */
  readonly ratio: Spread;
}

/**
 * Warms all up, then measures in turn: ours and the first, ours and the second … and again, `pairs` times. Each figure
 * of a peer has one of ours right before it.
 */
export async function inPairs(bench: Bench, ours: Target, others: readonly Target[]): Promise<Paired[]> {
  const { pairs, seconds, full } = bench.options;
  for (const target of [ours, ...others]) {
    bench.say(`warming up ${target.name}`);
    await prove(target);
    await saturate(bench, target, full ? 4 : 2);
  }
  const found = others.map((target) => ({ target, runs: [] as Run[], ours: [] as Run[] }));
  for (let pair = 1; pair <= pairs; pair++) {
    for (const { target, runs, ours: own } of found) {
      own.push(await measure(bench, ours, seconds));
      runs.push(await measure(bench, target, seconds));
      const [a, b] = [own.at(-1)!, runs.at(-1)!];
      bench.say(
        `pair ${pair} of ${pairs}: ${ours.name} ${a.us.toFixed(1)} µs, ${target.name} ${b.us.toFixed(1)} µs, ${(a.us / b.us).toFixed(2)}`,
      );
    }
  }
  return found.map((one) => ({
    ...one,
    ratio: ratios(
      one.ours.map((run) => run.us),
      one.runs.map((run) => run.us),
    ),
  }));
}

export interface RunSummary {
  readonly us: Spread;
  readonly userUs: Spread;
  readonly systemUs: Spread;
  readonly perSecond: Spread;
}

export function summarize(runs: readonly Run[]): RunSummary {
  return {
    us: spread(runs.map((run) => run.us)),
    userUs: spread(runs.map((run) => run.userUs)),
    systemUs: spread(runs.map((run) => run.systemUs)),
    perSecond: spread(runs.map((run) => run.perSecond)),
  };
}
