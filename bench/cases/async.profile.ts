import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Report, ReportPart } from "../lib/bench.ts";
import { saturate, sendExactly } from "../lib/load.ts";
import { warmUp } from "../lib/measure.ts";
import { keepProfiles, keptNote, type ProfileSummary, readProfiles, type Share, threadOf } from "../lib/profile.ts";
import { number } from "../lib/table.ts";
import { type AsyncTarget, startOursAsync } from "../peers/ours.async.ts";
import { oursVersion } from "../peers/ours.ts";

const PRELOAD = new URL("../lib/threads.preload.ts", import.meta.url).href;

/** Rows of each list. */
const TOP = 30;
const DRAIN_WARM_UP_JOBS = 20_000;

/** Where a request that is taken for later spends our time, in each thread. */
export function profileIntake(bench: Bench, upstreamPort: number): Promise<Report> {
  const seconds = Math.max(5, bench.options.seconds);
  return profile(bench, upstreamPort, "intake", {
    prepare: (target) => warmUp(bench, target),
    run: async (target) => (await saturate(bench, target, seconds)).requests,
  });
}

/** Where a job on its way out does. */
export function profileDrain(bench: Bench, upstreamPort: number, jobs: number): Promise<Report> {
  return profile(bench, upstreamPort, "drain", {
    async prepare(target) {
      await sendExactly(bench, target, DRAIN_WARM_UP_JOBS);
      await target.drain();
      await sendExactly(bench, target, jobs);
    },
    run: async (target) => (await target.drain()).jobs,
  });
}

interface Profiled {
  readonly prepare: (target: AsyncTarget) => Promise<void>;
  /** How many requests or jobs it was. */
  readonly run: (target: AsyncTarget) => Promise<number>;
}

async function profile(bench: Bench, upstreamPort: number, name: string, { prepare, run }: Profiled): Promise<Report> {
  const folder = bench.folder("profile");
  const nodeArgs = ["--import", PRELOAD, "--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=200"];
  const target = await startOursAsync(bench, upstreamPort, { serve: { nodeArgs } });
  await target.pause();
  await prepare(target);
  bench.say("profiling");
  const from = clockUs();
  const count = await run(target);
  const to = clockUs();
  await sleep(200);
  // The profiles are written as the process ends.
  await target.stop();
  const kept = keepProfiles(folder, name, from, to);
  const threads = readProfiles(folder, from, to);
  return {
    title: `${name}, profile of outrigger: µs per request of each thread, over ${number(count)} requests in ${number((to - from) / 1000)} ms (sampling slows it)`,
    parts: threads.flatMap((thread) => partsOf(thread, count, to - from)),
    notes: [keptNote(kept)],
    versions: [oursVersion("checkout")],
    figures: { count, threads },
  };
}

function partsOf(thread: ProfileSummary, count: number, tookUs: number): ReportPart[] {
  const { busyUs, parts, functions } = thread;
  const name = `${threadOf(thread)} thread`;
  const busy = `busy ${number((100 * busyUs) / tookUs)} % of the time, ${number(busyUs / count, 1)} µs a request`;
  const perRequest = (us: number): string => number(us / count, 2);
  const share = (us: number): string => `${number((100 * us) / busyUs, 1)} %`;
  const rows = (shares: readonly Share[]): string[][] =>
    shares.slice(0, TOP).map((one) => [one.name, perRequest(one.selfUs), perRequest(one.totalUs), share(one.selfUs)]);
  const head = ["", "self µs", "with callees", "of all"];
  const table = (what: string, shares: readonly Share[]): ReportPart => ({
    caption: `${name} (${busy}): ${what}`,
    table: { head, rows: rows(shares) },
  });
  return [
    table("by part", parts),
    table(
      "our functions",
      functions.filter((one) => one.ours),
    ),
    table(
      "others",
      functions.filter((one) => !one.ours),
    ),
  ];
}

/** The monotonic clock of the machine, which profiles use too. */
function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
