import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Report } from "../lib/bench.ts";
import { saturate } from "../lib/load.ts";
import { warmUp } from "../lib/measure.ts";
import { keepProfiles, keptNote, readProfile, type Share } from "../lib/profile.ts";
import { number } from "../lib/table.ts";
import type { Peer, Target } from "../lib/target.ts";
import { oursVersion, startOurs } from "../peers/ours.ts";

/** Rows of each list. */
const TOP = 30;

/**
 * Where ours, or a peer that is a Node program, spends a synchronous call: samples of its main thread under full load,
 * as microseconds per request.
 */
export async function profileSync(bench: Bench, direct: Target, peer: Peer | null): Promise<Report> {
  const folder = bench.folder("profile");
  const nodeArgs = ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=200"];
  const target =
    peer === null
      ? await startOurs(bench, direct.port, { serve: { nodeArgs } })
      : await peer.start(bench, direct.port, nodeArgs);
  await warmUp(bench, target);
  bench.say("profiling");
  const from = clockUs();
  const { requests } = await saturate(bench, target, Math.max(5, bench.options.seconds));
  const to = clockUs();
  await sleep(200);
  // The profile is written as the process ends.
  await target.stop();
  const kept = keepProfiles(folder, peer === null ? "sync" : `sync-${peer.name}`, from, to);
  const profile = readProfile(folder, from, to);
  const perRequest = (us: number): string => number(us / requests, 2);
  const share = (us: number): string => `${number((100 * us) / profile.busyUs, 1)} %`;
  const rows = (shares: readonly Share[]): string[][] =>
    shares.slice(0, TOP).map((one) => [one.name, perRequest(one.selfUs), perRequest(one.totalUs), share(one.selfUs)]);
  const head = ["", "self µs", "with callees", "of all"];
  return {
    title: `sync, profile of ${peer?.title ?? "outrigger"}: µs per request of the main thread, over ${number(requests)} requests (sampling slows it)`,
    parts: [
      { caption: "By part", table: { head, rows: rows(profile.parts) } },
      { caption: "Our functions", table: { head, rows: rows(profile.functions.filter((one) => one.ours)) } },
      { caption: "Others", table: { head, rows: rows(profile.functions.filter((one) => !one.ours)) } },
    ],
    notes: [keptNote(kept)],
    versions: [peer?.version() ?? oursVersion("checkout")],
    figures: { requests, busyUs: profile.busyUs, parts: profile.parts, functions: profile.functions.slice(0, 200) },
  };
}

/** The monotonic clock of the machine, which profiles use too. */
function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
