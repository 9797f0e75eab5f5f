import type { Bench } from "./bench.ts";
import { type Shape, saturate } from "./load.ts";
import { type ProcessorTime, processorTime } from "./processor-time.ts";
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

export async function measure(bench: Bench, target: Target, seconds: number, shape: Shape = {}): Promise<Run> {
  await prove(target);
  const before = timeOf(target);
  const load = await saturate(bench, target, seconds, shape);
  await new Promise((done) => setTimeout(done, SETTLE_MS));
  const after = timeOf(target);
  const userUs = ((after.userMs - before.userMs) * 1000) / load.requests;
  const systemUs = ((after.systemMs - before.systemMs) * 1000) / load.requests;
  await target.tidy?.();
  return { userUs, systemUs, us: userUs + systemUs, perSecond: load.requests / load.seconds };
}

/** Of all that a target consists of. */
export function timeOf({ pid, alsoPids = [] }: Target): ProcessorTime {
  const times = [pid, ...alsoPids].map(processorTime);
  return {
    userMs: times.reduce((sum, one) => sum + one.userMs, 0),
    systemMs: times.reduce((sum, one) => sum + one.systemMs, 0),
  };
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
 * Measures in turn: ours and the first, ours and the second … and again, `pairs` times, after a warm-up of all. Each
 * figure of a peer has one of ours right before it.
 */
export async function inPairs(bench: Bench, ours: Target, others: readonly Target[]): Promise<Paired[]> {
  const { pairs, seconds } = bench.options;
  for (const target of [ours, ...others]) await warmUp(bench, target);
  const found = others.map((target) => ({ target, runs: [] as Run[], ours: [] as Run[] }));
  for (let pair = 1; pair <= pairs; pair++) {
    for (const { target, runs, ours: own } of found) {
      const [a, b] = [await measure(bench, ours, seconds), await measure(bench, target, seconds)];
      own.push(a);
      runs.push(b);
      const figure = (name: string, run: Run): string =>
        `${name} ${run.us.toFixed(1)} µs ${Math.round(run.perSecond)}/s`;
      const figures = `${figure(ours.name, a)}, ${figure(target.name, b)}`;
      bench.say(`pair ${pair} of ${pairs}: ${figures}, ratio ${(a.us / b.us).toFixed(2)}`);
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

/** Until the compiler has settled: counted in requests, since a busy machine makes fewer of them in the same time. */
export async function warmUp(bench: Bench, target: Target): Promise<void> {
  const { full, short } = bench.options;
  const { requests, mostSeconds } = full ? WARM_UP.full : short ? WARM_UP.short : WARM_UP.usual;
  bench.say(`warming up ${target.name}`);
  await prove(target);
  let made = 0;
  for (let second = 0; second < mostSeconds && made < requests; second += WARM_UP_STEP) {
    made += (await saturate(bench, target, WARM_UP_STEP)).requests;
  }
}

const WARM_UP_STEP = 2;
const WARM_UP = {
  short: { requests: 20_000, mostSeconds: 2 },
  usual: { requests: 40_000, mostSeconds: 6 },
  full: { requests: 150_000, mostSeconds: 30 },
};

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
