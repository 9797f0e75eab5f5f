import type { Bench, Case, Report } from "../lib/bench.ts";
import { diskNote } from "../lib/disk.ts";
import type { Drained } from "../lib/drained.ts";
import { measure, type Run } from "../lib/measure.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { RATIO_HEAD, ratioRow } from "../lib/report.ts";
import { residentMb } from "../lib/resident.ts";
import { ratios, spread } from "../lib/statistics.ts";
import { number, type Table } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { buildOurs } from "../peers/ours.built.ts";
import { oursVersion } from "../peers/ours.ts";
import {
  fillSpool,
  MANY_JOBS,
  memoryRows,
  type Spool,
  START_NOTES,
  serveSpool,
  startOnce,
  startRows,
} from "./spools.ts";

const FEW = 1_000;
const RATIO_GOALS = { budget: 0.9, moonshot: 0.97 };

/** Whether jobs that wait for one app are in the way of another's: it must cost the same with a million of them. */
export const backlog: Case = {
  name: "backlog",
  about: "intake, drain, start and memory with many jobs waiting, over the same with 1,000",
  async run(bench) {
    const upstream = await startUpstream(bench);
    const { full, short } = bench.options;
    const many = full ? MANY_JOBS.full : short ? MANY_JOBS.short : MANY_JOBS.usual;
    const before = machineTime();
    const main = await buildOurs(bench);
    const spools: LoadedSpool[] = [];
    for (const waiting of [0, FEW, many]) {
      spools.push({ ...(await fillSpool(bench, waiting)), loadedMb: null, intake: [], drain: [] });
    }
    for (let round = 1; round <= bench.options.pairs; round++) {
      for (const spool of spools) await startOnce(bench, upstream.port, spool, main);
    }
    await underLoad(bench, upstream.port, spools[1]!, spools[2]!, main);
    const notes = [
      "The jobs wait for a paused app; the load goes to another one, which is paused during intake and resumed to drain.",
      ...START_NOTES,
      diskNote(bench.folder("disk")),
      othersNote(before, machineTime()),
    ];
    return report(bench, spools, notes);
  },
};

interface LoadedSpool extends Spool {
  loadedMb: number | null;
  readonly intake: Run[];
  readonly drain: Drained[];
}

/** Takes jobs in, drains them, and so on in turn; so that both begin each run with nothing but what waits for the other app. */
async function underLoad(bench: Bench, port: number, few: LoadedSpool, many: LoadedSpool, main: string): Promise<void> {
  const { pairs, seconds } = bench.options;
  const both = [];
  for (const spool of [many, few]) both.push({ spool, target: await serveSpool(bench, port, spool, main) });
  for (const { target } of both) await target.pause();
  // The first round warms up.
  for (let pair = 0; pair <= pairs; pair++) {
    for (const { spool, target } of both) {
      const run = await measure(bench, target, seconds);
      const drained = await target.drain();
      const figures = `in ${Math.round(run.perSecond)}/s ${run.us.toFixed(1)} µs, out ${Math.round(drained.perSecond)}/s ${drained.us.toFixed(1)} µs`;
      bench.say(`${pair === 0 ? "warm-up" : `pair ${pair} of ${pairs}`}: ${target.name}: ${figures}`);
      if (pair === 0) continue;
      spool.intake.push(run);
      spool.drain.push(drained);
    }
  }
  for (const { spool, target } of both) spool.loadedMb = residentMb(target.pid);
}

function report(bench: Bench, spools: readonly LoadedSpool[], notes: readonly string[]): Report {
  const [empty, few, many] = spools as [LoadedSpool, LoadedSpool, LoadedSpool];
  const { pairs, seconds } = bench.options;
  const over = <T>(of: (spool: LoadedSpool) => readonly T[], figure: (run: T) => number) =>
    ratios(of(many).map(figure), of(few).map(figure));
  const found = {
    intake: over(
      (spool) => spool.intake,
      (run) => run.perSecond,
    ),
    drain: over(
      (spool) => spool.drain,
      (run) => run.perSecond,
    ),
    intakeTime: over(
      (spool) => spool.intake,
      (run) => run.us,
    ),
    drainTime: over(
      (spool) => spool.drain,
      (run) => run.us,
    ),
  };
  return {
    title: `backlog: ${number(many.waiting)} jobs waiting over ${number(FEW)}, ${pairs} pairs of ${seconds} s`,
    parts: [
      { caption: "Each by itself (medians)", table: each(spools) },
      {
        caption: `${number(many.waiting)} waiting over ${number(FEW)}, pair by pair`,
        table: {
          head: RATIO_HEAD,
          rows: [
            ratioRow("intake, requests/s", found.intake, RATIO_GOALS),
            ratioRow("drain, jobs/s", found.drain, RATIO_GOALS),
            ratioRow("intake, processor time", found.intakeTime),
            ratioRow("drain, processor time", found.drainTime),
          ],
        },
      },
      {
        caption: "Start and memory",
        table: { head: RATIO_HEAD, rows: [...startRows(empty, many), ...memoryRows(empty, many)] },
      },
    ],
    notes,
    versions: [oursVersion(), `upstream ${nginxVersion()}`],
    figures: { spools: spools.map(({ folder: _, ...figures }) => figures), ratios: found },
  };
}

function each(spools: readonly LoadedSpool[]): Table {
  const median = (values: readonly number[], digits = 0): string =>
    values.length === 0 ? "" : number(spread(values).median, digits);
  return {
    head: ["waiting", "intake/s", "µs", "drain/s", "µs", "ready ms", "idle MB", "after load MB"],
    rows: spools.map(({ waiting, intake, drain, readyMs, idleMb, loadedMb }) => [
      number(waiting),
      median(intake.map((run) => run.perSecond)),
      median(
        intake.map((run) => run.us),
        1,
      ),
      median(drain.map((run) => run.perSecond)),
      median(
        drain.map((run) => run.us),
        1,
      ),
      median(readyMs),
      median(idleMb),
      loadedMb === null ? "" : number(loadedMb),
    ]),
  };
}
