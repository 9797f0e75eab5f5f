import type { Bench, Case, Report } from "../lib/bench.ts";
import { diskNote } from "../lib/disk.ts";
import { inPairs, type Paired, type RunSummary, summarize } from "../lib/measure.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { RATIO_HEAD, ratioRow } from "../lib/report.ts";
import { ratios, type Spread } from "../lib/statistics.ts";
import { number, type Table } from "../lib/table.ts";
import type { Peer } from "../lib/target.ts";
import { startUpstream } from "../peers/nginx.ts";
import { startOursAsync } from "../peers/ours.async.ts";
import { oursVersion } from "../peers/ours.ts";
import { accept, bullmqAdd } from "../peers/queues.ts";
import { REDIS_SYNC } from "../peers/redis.ts";
import { profileIntake } from "./async.profile.ts";

/** Ours over each: requests/s. As promised, and as hoped for. */
const GOALS: ReadonlyMap<string, { readonly budget: number; readonly moonshot: number }> = new Map([
  [accept.name, { budget: 0.5, moonshot: 0.65 }],
  [bullmqAdd.name, { budget: 1.5, moonshot: 2 }],
]);
const PEERS: readonly Peer[] = [accept, bullmqAdd];

/** What it costs to say 202 and mean it. */
export const intake: Case = {
  name: "intake",
  about: "requests taken for later, fsync before the 202, against a bare 202 and BullMQ",
  async run(bench) {
    const upstream = await startUpstream(bench);
    if (bench.options.profile) return profileIntake(bench, upstream.port);
    const wanted = PEERS.filter(({ name }) => bench.options.peers?.includes(name) ?? true);
    const present = wanted.filter((peer) => peer.version() !== null);
    const notes = wanted
      .filter((peer) => !present.includes(peer))
      .map((peer) => `${peer.title} is left out: not installed (${peer.install})`);
    const ours = await startOursAsync(bench, upstream.port);
    await ours.pause();
    const others = [];
    for (const peer of present) others.push(await peer.start(bench, upstream.port));
    const before = machineTime();
    const paired = await inPairs(bench, ours, others);
    notes.push(
      `The app is paused (admin API), so that nothing is delivered meanwhile; at the end ${number(await ours.waiting())} jobs wait.`,
      `Ours: fsync before each 202 (durability: full). Redis: ${REDIS_SYNC}, so its 202 comes before the disk has it; emptied after each run.`,
      diskNote(bench.folder("disk")),
      othersNote(before, machineTime()),
    );
    return report(bench, present, paired, notes);
  },
};

function report(bench: Bench, present: readonly Peer[], paired: readonly Paired[], notes: readonly string[]): Report {
  const { pairs, seconds } = bench.options;
  const perSecond = paired.map(({ ours, runs }) => over(ours, runs));
  const ours = summarize(paired.flatMap((one) => one.ours));
  const theirs = paired.map((one) => summarize(one.runs));
  return {
    title: `intake: 1 KiB JSON POST answered with 202, 50 keep-alive connections, ${pairs} pairs of ${seconds} s`,
    parts: [
      {
        caption: "Each by itself (medians; BullMQ's time includes that of Redis)",
        table: each(["outrigger, durable", ...present.map(({ title }) => title)], [ours, ...theirs]),
      },
      {
        caption: "Requests/s: ours over …, pair by pair",
        table: {
          head: RATIO_HEAD,
          rows: present.map(({ name, title }, i) => ratioRow(title, perSecond[i]!, GOALS.get(name))),
        },
      },
      {
        caption: "Processor time per request: ours over …, pair by pair",
        table: { head: RATIO_HEAD.slice(0, 4), rows: present.map(({ title }, i) => ratioRow(title, paired[i]!.ratio)) },
      },
    ],
    notes,
    versions: [oursVersion(), ...present.map((peer) => peer.version() ?? "")],
    figures: {
      pairs,
      seconds,
      ratios: paired.map(({ target, ratio, ours: own, runs }, i) => ({
        over: target.name,
        perSecond: perSecond[i],
        processorTime: ratio,
        ours: own,
        theirs: runs,
      })),
    },
  };
}

function over(ours: Paired["ours"], theirs: Paired["runs"]): Spread {
  return ratios(
    ours.map((run) => run.perSecond),
    theirs.map((run) => run.perSecond),
  );
}

function each(titles: readonly string[], runs: readonly RunSummary[]): Table {
  return {
    head: ["", "µs/request", "user", "system", "requests/s"],
    rows: runs.map(({ us, userUs, systemUs, perSecond }, i) => [
      titles[i]!,
      ...[us, userUs, systemUs].map(({ median }) => number(median, 1)),
      number(perSecond.median),
    ]),
  };
}
