import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench, Case, Report, ReportPart } from "../lib/bench.ts";
import {
  FAULTS,
  type FailoverFigures,
  type FailoverLoad,
  type FailoverSaid,
  type Fault,
  failoverFigures,
  reachedBoth,
  type Sample,
  SETTINGS,
} from "../lib/failover.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { goal, number, type Table } from "../lib/table.ts";
import { BODY, type FailoverPeer, prove } from "../lib/target.ts";
import { startFailoverApp } from "../peers/failover.apps.ts";
import { haproxyFailover } from "../peers/failover.haproxy.ts";
import { nginxFailover } from "../peers/failover.nginx.ts";
import { oursFailover } from "../peers/failover.ours.ts";

const PROXIES: readonly FailoverPeer[] = [oursFailover, nginxFailover, haproxyFailover];
const RATE = 200;
/** The longer runs see whether a proxy tries the primary again later, and who pays for that. */
const LENGTHS = {
  short: { seconds: 6, faultMs: 2_000 },
  usual: { seconds: 12, faultMs: 4_000 },
  full: { seconds: 24, faultMs: 4_000 },
};
/** Of ours, at {@link RATE}. */
const FAILED_GOAL = { budget: 0, moonshot: null };
const SLOW_WHEN_STOPPED_GOAL = { budget: 250, moonshot: 50 };

const PROGRAM = fileURLToPath(new URL("../lib/failover.load.program.ts", import.meta.url));

/** What callers see of it when the primary dies, hangs or fails and there is a backup. */
export const failover: Case = {
  name: "failover",
  about: "the primary killed, stopped or answering 500 under load, a backup behind it",
  async run(bench) {
    const { peers, short } = bench.options;
    const wanted = PROXIES.filter(isWanted(peers ?? (short ? [] : null)));
    const present = wanted.filter((peer) => peer.version() !== null);
    const notes = wanted
      .filter((peer) => !present.includes(peer))
      .map((peer) => `${peer.title} is left out: not installed (${peer.install})`);
    const plan = planOf(bench);
    const before = machineTime();
    const runs: Run[] = [];
    // All proxies meet one fault, then the next: neighbours in time are compared.
    for (const fault of FAULTS) for (const peer of present) runs.push(await run(bench, plan, peer, fault));
    notes.push(...failuresOf(runs), ...NOTES, othersNote(before, machineTime()));
    return report(plan, runs, notes, present);
  },
};

const NOTES: readonly string[] = [
  `Failed: no answer, none within ${SETTINGS.timeoutMs / 1000} s, or one of 500 and above. Moved: from the fault to the first answer of the backup after which 100 in a row, or all, are its own. Both: requests that reached both upstreams.`,
  `Each run begins anew, with two upstreams that take 20 ms an answer. All know ${SETTINGS.timeoutMs / 1000} s in all, ${SETTINGS.connectMs / 1000} s to connect, ${SETTINGS.tryMs / 1000} s a try, and may repeat a POST.`,
  "Before a stopped upstream the kernel queues some 511 connections (Node's backlog): beyond that a connect times out, which tells a proxy sooner than a try does.",
];

/** Ours is always among them. */
function isWanted(names: readonly string[] | null): (peer: FailoverPeer) => boolean {
  for (const name of names ?? []) {
    if (PROXIES.some((peer) => peer.name === name)) continue;
    throw new Error(`no peer ${name}; there are ${PROXIES.map((peer) => peer.name).join(", ")}`);
  }
  return (peer) => names === null || peer === oursFailover || names.includes(peer.name);
}

interface Plan {
  readonly rate: number;
  readonly seconds: number;
  readonly faultMs: number;
}

function planOf({ options: { rate, full, short } }: Bench): Plan {
  return { rate: rate ?? RATE, ...(full ? LENGTHS.full : short ? LENGTHS.short : LENGTHS.usual) };
}

interface Run {
  readonly proxy: string;
  readonly fault: string;
  readonly figures: FailoverFigures;
  readonly both: number;
  readonly lateMs: number;
}

/** One proxy, one fault, and all of it new. */
async function run(bench: Bench, plan: Plan, peer: FailoverPeer, fault: Fault): Promise<Run> {
  const [primary, backup] = [await startFailoverApp(bench, "primary"), await startFailoverApp(bench, "backup")];
  const target = await peer.start(bench, { primary: primary.port, backup: backup.port });
  await prove(target);
  const load: FailoverLoad = {
    port: target.port,
    path: target.paths[0]!,
    body: BODY,
    rate: plan.rate,
    seconds: plan.seconds,
    timeoutMs: SETTINGS.timeoutMs,
    fault: { pid: primary.pid, signal: fault.signal, atMs: plan.faultMs },
    file: join(bench.folder("samples"), "samples.json"),
  };
  const client = bench.procs.start(`client of ${target.name}`, process.execPath, [PROGRAM, JSON.stringify(load)]);
  const limitMs = plan.seconds * 1000 + SETTINGS.timeoutMs + 30_000;
  const { faultMs, lateMs } = JSON.parse(await client.output(limitMs)) as FailoverSaid;
  const figures = failoverFigures(JSON.parse(readFileSync(load.file, "utf8")) as Sample[], faultMs);
  const both = reachedBoth(await primary.ids(), await backup.ids());
  await Promise.all([target.stop(), primary.stop(), backup.stop()]);
  bench.say(`${peer.title}, ${fault.name}: ${figures.failed} failed, ${figures.slow} over 1 s`);
  return { proxy: peer.title, fault: fault.name, figures, both, lateMs };
}

function failuresOf(runs: readonly Run[]): string[] {
  return runs
    .filter(({ figures }) => figures.failed > 0)
    .map(({ proxy, fault, figures }) => `${proxy}, ${fault}: ${figures.failures.join(", ")}`);
}

function report(plan: Plan, runs: readonly Run[], notes: readonly string[], present: readonly FailoverPeer[]): Report {
  const worst = Math.max(...runs.map(({ lateMs }) => lateMs));
  const goals = plan.rate === RATE ? [{ caption: "Ours", table: goalsOf(runs) }] : [];
  const parts: ReportPart[] = [{ caption: "As the caller sees it", table: tableOf(runs) }, ...goals];
  return {
    title: `failover: 1 KiB JSON POST, ${number(plan.rate)} requests/s for ${plan.seconds} s, the fault after ${plan.faultMs / 1000} s`,
    parts,
    notes: [...notes, `The client was at most ${number(worst)} ms late, which is part of the times.`],
    versions: present.map((peer) => peer.version() ?? ""),
    figures: { plan, runs },
  };
}

function tableOf(runs: readonly Run[]): Table {
  return {
    head: ["", "fault", "requests", "failed", "over 1 s", "moved ms", "p99 ms", "max ms", "both"],
    rows: runs.map(({ proxy, fault, figures, both }) => [
      proxy,
      fault,
      number(figures.requests),
      number(figures.failed),
      number(figures.slow),
      figures.movedMs === null ? "never" : number(figures.movedMs),
      number(figures.p99Ms),
      number(figures.maxMs),
      number(both),
    ]),
  };
}

function goalsOf(runs: readonly Run[]): Table {
  const row = (title: string, value: number, goals: { budget: number; moonshot: number | null }): string[] => [
    title,
    number(value),
    goal(value, goals.budget),
    goal(value, goals.moonshot),
  ];
  const ours = runs.filter(({ proxy }) => proxy === oursFailover.title);
  const stopped = ours.find(({ fault }) => fault === "stopped");
  return {
    head: ["", "", "budget", "moonshot"],
    rows: [
      row(
        "failed, all faults",
        ours.reduce((sum, { figures }) => sum + figures.failed, 0),
        FAILED_GOAL,
      ),
      row("over 1 s, stopped", stopped?.figures.slow ?? 0, SLOW_WHEN_STOPPED_GOAL),
    ],
  };
}
