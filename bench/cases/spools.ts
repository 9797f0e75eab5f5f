import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../lib/bench.ts";
import { residentMb } from "../lib/resident.ts";
import { spread } from "../lib/statistics.ts";
import { goal, number } from "../lib/table.ts";
import { type AsyncTarget, fill, startOursAsync } from "../peers/ours.async.ts";

/** Spools with few and with many jobs that wait, and what a start from each is like: for the cases that ask about it. */

export const MANY_JOBS = { short: 20_000, usual: 100_000, full: 1_000_000 };
const START_MS = { empty: 500, many: 1_500 };
const RESIDENT_MB = { empty: { budget: 110, moonshot: 80 }, many: { budget: 200, moonshot: 150 } };
/** After the start, until memory is looked at. */
const IDLE_MS = 2_000;

export const START_NOTES: readonly string[] = [
  "From a checkout, taking the types out costs some 45 MB and 0.3 s more.",
  "Start: from the start of the process to its ready line, with the file in the system's cache.",
];

export interface Spool {
  readonly waiting: number;
  readonly folder: string;
  readonly readyMs: number[];
  readonly idleMb: number[];
}

/** Makes a spool of so many jobs for a paused app. */
export async function fillSpool(bench: Bench, waiting: number): Promise<Spool> {
  const folder = bench.folder(`waiting-${waiting}`);
  bench.say(`filling a spool with ${number(waiting)} jobs`);
  await fill(bench, folder, waiting);
  return { waiting, folder, readyMs: [], idleMb: [] };
}

/** Starts a sidecar on it: `main` is what {@link fillSpool}'s caller has built. */
export function serveSpool(bench: Bench, port: number, { waiting, folder }: Spool, main: string): Promise<AsyncTarget> {
  return startOursAsync(bench, port, { name: `${number(waiting)} waiting`, folder, serve: { main } });
}

/** Starts it once, looks at it when it has been idle for a while, and stops it. */
export async function startOnce(bench: Bench, port: number, spool: Spool, main: string): Promise<void> {
  const target = await serveSpool(bench, port, spool, main);
  spool.readyMs.push(target.readyMs);
  await sleep(IDLE_MS);
  const mb = residentMb(target.pid);
  spool.idleMb.push(mb);
  bench.say(`${target.name}: ready after ${target.readyMs.toFixed(0)} ms, ${mb.toFixed(0)} MB`);
  await target.stop();
}

export function startRows(empty: Spool, many: Spool): string[][] {
  return [
    row("start to ready, empty", empty.readyMs, " ms", { budget: START_MS.empty, moonshot: null }),
    row(`start to ready, ${waiting(many)}`, many.readyMs, " ms", { budget: START_MS.many, moonshot: null }),
  ];
}

export function memoryRows(empty: Spool, many: Spool): string[][] {
  return [
    row("resident memory, empty", empty.idleMb, " MB", RESIDENT_MB.empty),
    row(`resident memory, ${waiting(many)}`, many.idleMb, " MB", RESIDENT_MB.many),
  ];
}

const waiting = (spool: Spool): string => `${number(spool.waiting)} waiting`;

interface Goals {
  readonly budget: number;
  readonly moonshot: number | null;
}

function row(title: string, values: readonly number[], unit: string, { budget, moonshot }: Goals): string[] {
  const { median, min, max } = spread(values);
  const figures = [median, min, max].map((value) => number(value));
  return [title, ...figures, goal(median, budget, "≤", unit), goal(median, moonshot, "≤", unit)];
}
