import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Case, Report } from "../lib/bench.ts";
import { diskNote } from "../lib/disk.ts";
import type { Drained } from "../lib/drained.ts";
import { measure, type Run } from "../lib/measure.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { RATIO_HEAD, ratioRow } from "../lib/report.ts";
import { residentMb } from "../lib/resident.ts";
import { ratios, spread } from "../lib/statistics.ts";
import { goal, number, type Table } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { type AsyncTarget, fill, startOursAsync } from "../peers/ours.async.ts";
import { buildOurs } from "../peers/ours.built.ts";
import { oursVersion } from "../peers/ours.ts";

const FEW = 1_000;
const MANY = { short: 100_000, full: 1_000_000 };
const RATIO_GOALS = { budget: 0.9, moonshot: 0.97 };
const START_MS = { empty: 500, many: 1_500 };
const RESIDENT_MB = { empty: { budget: 110, moonshot: 80 }, many: { budget: 200, moonshot: 150 } };
/** After the start, until memory is looked at. */
const IDLE_MS = 2_000;

/** Whether jobs that wait for one app are in the way of another's: it must cost the same with a million of them. */
export const backlog: Case = {
  name: "backlog",
  about: "intake, drain, start and memory with many jobs waiting, over the same with 1,000",
  async run(bench) {
    const upstream = await startUpstream(bench);
    const many = bench.options.full ? MANY.full : MANY.short;
    const before = machineTime();
    bench.say("building");
    const main = await buildOurs(bench);
    const spools: Spool[] = [];
    for (const waiting of [0, FEW, many]) {
      const folder = bench.folder(`waiting-${waiting}`);
      bench.say(`filling a spool with ${number(waiting)} jobs`);
      await fill(bench, folder, waiting);
      spools.push({ waiting, folder, readyMs: [], idleMb: [], loadedMb: null, intake: [], drain: [] });
    }
    for (let round = 1; round <= bench.options.pairs; round++) {
      for (const spool of spools) await start(bench, upstream.port, spool, main);
    }
    await underLoad(bench, upstream.port, spools[1]!, spools[2]!, main);
    const notes = [
      "The jobs wait for a paused app; the load goes to another one, which is paused during intake and resumed to drain.",
      "Built as it is published (dist/main.js): from a checkout, taking the types out costs some 45 MB and 0.1 s more.",
      "Start: from the start of the process to its ready line, with the file in the system's cache.",
      diskNote(bench.folder("disk")),
      othersNote(before, machineTime()),
    ];
    return report(bench, spools, notes);
  },
};

interface Spool {
  readonly waiting: number;
  readonly folder: string;
  readonly readyMs: number[];
  readonly idleMb: number[];
  loadedMb: number | null;
  readonly intake: Run[];
  readonly drain: Drained[];
}

function serve(bench: Bench, port: number, { waiting, folder }: Spool, main: string): Promise<AsyncTarget> {
  return startOursAsync(bench, port, { name: `${number(waiting)} waiting`, folder, serve: { main } });
}

/** Starts it once, looks at it, and stops it. */
async function start(bench: Bench, port: number, spool: Spool, main: string): Promise<void> {
  const target = await serve(bench, port, spool, main);
  spool.readyMs.push(target.readyMs);
  await sleep(IDLE_MS);
  const mb = residentMb(target.pid);
  spool.idleMb.push(mb);
  bench.say(`${target.name}: ready after ${target.readyMs.toFixed(0)} ms, ${mb.toFixed(0)} MB`);
  await target.stop();
}

/** Takes jobs in, drains them, and so on in turn; so that both begin each run with nothing but what waits for the other app. */
async function underLoad(bench: Bench, port: number, few: Spool, many: Spool, main: string): Promise<void> {
  const { pairs, seconds } = bench.options;
  const both = [];
  for (const spool of [many, few]) both.push({ spool, target: await serve(bench, port, spool, main) });
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

function report(bench: Bench, spools: readonly Spool[], notes: readonly string[]): Report {
  const [empty, few, many] = spools as [Spool, Spool, Spool];
  const { pairs, seconds } = bench.options;
  const over = <T>(of: (spool: Spool) => readonly T[], figure: (run: T) => number) =>
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
      { caption: "Start and memory", table: startAndMemory(empty, many) },
    ],
    notes,
    versions: [oursVersion(), `upstream ${nginxVersion()}`],
    figures: { spools: spools.map(({ folder: _, ...figures }) => figures), ratios: found },
  };
}

function each(spools: readonly Spool[]): Table {
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

function startAndMemory(empty: Spool, many: Spool): Table {
  const row = (title: string, values: readonly number[], unit: string, budget: number, moonshot: number | null) => {
    const { median, min, max } = spread(values);
    const figures = [median, min, max].map((value) => number(value));
    return [title, ...figures, goal(median, budget, "≤", unit), goal(median, moonshot, "≤", unit)];
  };
  const waiting = `${number(many.waiting)} waiting`;
  const mb = RESIDENT_MB;
  return {
    head: RATIO_HEAD,
    rows: [
      row("start to ready, empty", empty.readyMs, " ms", START_MS.empty, null),
      row(`start to ready, ${waiting}`, many.readyMs, " ms", START_MS.many, null),
      row("resident memory, empty", empty.idleMb, " MB", mb.empty.budget, mb.empty.moonshot),
      row(`resident memory, ${waiting}`, many.idleMb, " MB", mb.many.budget, mb.many.moonshot),
    ],
  };
}
