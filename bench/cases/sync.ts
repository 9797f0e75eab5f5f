import type { Bench, Case, Report } from "../lib/bench.ts";
import { inPairs, type Paired, type RunSummary, summarize } from "../lib/measure.ts";
import { type Latency, latencies, RATE } from "../lib/open-loop.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { goal, number, type Table } from "../lib/table.ts";
import type { Peer, Target } from "../lib/target.ts";
import { haproxy } from "../peers/haproxy.ts";
import { nginx, nginxVersion, startUpstream } from "../peers/nginx.ts";
import { fastifyHttpProxy, httpProxy3, relay } from "../peers/node.ts";
import { oursVersion, startOurs } from "../peers/ours.ts";
import { profileSync } from "./sync.profile.ts";

/** Ours over each: processor time per request. As promised, and as hoped for. */
const GOALS: ReadonlyMap<string, { readonly budget: number; readonly moonshot: number }> = new Map([
  [relay.name, { budget: 1.4, moonshot: 1.15 }],
  [httpProxy3.name, { budget: 0.75, moonshot: 0.6 }],
  [fastifyHttpProxy.name, { budget: 0.55, moonshot: 0.45 }],
  [nginx.name, { budget: 3, moonshot: 2 }],
]);
const ADDED_P50_MS = 0.3;
const ADDED_P99_MS = 1.5;
/** Moonshot: added time over what nginx adds. */
const ADDED_OVER_NGINX = 2;

const PEERS: readonly Peer[] = [relay, httpProxy3, fastifyHttpProxy, nginx, haproxy];

/** What a call through Outrigger costs, with everything on, against those who only forward. */
export const sync: Case = {
  name: "sync",
  about: "a synchronous call, everything on, against bare proxies",
  async run(bench) {
    const upstreamVersion = nginxVersion();
    if (upstreamVersion === null) throw new Error(`the upstream is nginx, which is not here: ${nginx.install}`);
    const direct = { ...(await startUpstream(bench)), name: "direct" };
    const wanted = bench.options.peers?.map(peerNamed) ?? PEERS;
    const present = wanted.filter((peer) => peer.version() !== null);
    const notes = wanted
      .filter((peer) => !present.includes(peer))
      .map((peer) => `${peer.title} is left out: not installed (${peer.install})`);
    if (bench.options.profile) {
      return profileSync(bench, direct, bench.options.peers === null ? null : (present[0] ?? null));
    }

    const ours = await startOurs(bench, direct.port);
    const others: Target[] = [];
    for (const peer of present) others.push(await peer.start(bench, direct.port));

    const before = machineTime();
    const paired = await inPairs(bench, ours, others);
    const { full, short } = bench.options;
    const targets = [direct, ours, ...others];
    const times = await latencies(bench, targets, full ? 5 : 1, full ? 6 : short ? 1 : 3);
    notes.push(othersNote(before, machineTime()));
    const versions = [oursVersion(), ...present.map((peer) => peer.version() ?? ""), `upstream ${upstreamVersion}`];
    return report(bench, { present, paired, targets, times, versions, notes });
  },
};

function peerNamed(name: string): Peer {
  const peer = PEERS.find((one) => one.name === name);
  if (peer === undefined) throw new Error(`no peer ${name}; there are ${PEERS.map((one) => one.name).join(", ")}`);
  return peer;
}

interface Found {
  readonly present: readonly Peer[];
  readonly paired: readonly Paired[];
  /** Direct, ours, then the peers; `times` in the same order. */
  readonly targets: readonly Target[];
  readonly times: readonly Latency[];
  readonly versions: readonly string[];
  readonly notes: readonly string[];
}

function report(bench: Bench, found: Found): Report {
  const { present, paired, targets, times, versions, notes } = found;
  const runs: readonly (RunSummary | null)[] = [
    null,
    paired.length > 0 ? summarize(paired.flatMap((one) => one.ours)) : null,
    ...paired.map((one) => summarize(one.runs)),
  ];
  const titles = ["direct, no proxy", "outrigger, everything on", ...present.map((peer) => peer.title)];
  const { pairs, seconds } = bench.options;
  return {
    title: `sync: 1 KiB JSON POST, 50 keep-alive connections, ${pairs} pairs of ${seconds} s`,
    parts: [
      { caption: "Each by itself (medians)", table: each(titles, runs, times) },
      { caption: "Processor time per request: ours over …, pair by pair", table: overPeers(present, paired) },
      { caption: `Added to a direct call at ${number(RATE)} requests/s`, table: added(targets, times) },
    ],
    notes,
    versions,
    figures: {
      pairs,
      seconds,
      targets: targets.map(({ name }, i) => ({ name, fullLoad: runs[i], latency: times[i] })),
      ratios: paired.map(({ target, ratio, ours, runs: theirs }) => ({ over: target.name, ratio, ours, theirs })),
    },
  };
}

function each(titles: readonly string[], runs: readonly (RunSummary | null)[], times: readonly Latency[]): Table {
  return {
    head: ["", "µs/request", "user", "system", "requests/s", "p50 ms", "p99 ms"],
    rows: titles.map((title, i) => {
      const run = runs[i];
      const load = run
        ? [run.us, run.userUs, run.systemUs].map((us) => number(us.median, 1)).concat(number(run.perSecond.median))
        : ["", "", "", ""];
      return [title, ...load, number(times[i]!.p50Ms.median, 2), number(times[i]!.p99Ms.median, 2)];
    }),
  };
}

function overPeers(present: readonly Peer[], paired: readonly Paired[]): Table {
  return {
    head: ["", "median", "min", "max", "budget", "moonshot"],
    rows: paired.map(({ ratio }, i) => {
      const goals = GOALS.get(present[i]!.name);
      return [
        present[i]!.title,
        ...[ratio.median, ratio.min, ratio.max].map((value) => number(value, 2)),
        goal(ratio.median, goals?.budget ?? null),
        goal(ratio.median, goals?.moonshot ?? null),
      ];
    }),
  };
}

function added(targets: readonly Target[], times: readonly Latency[]): Table {
  const over = (name: string, of: (time: Latency) => number): number | null => {
    const at = targets.findIndex((target) => target.name === name);
    return at < 0 ? null : of(times[at]!) - of(times[0]!);
  };
  const row = (title: string, of: (time: Latency) => number, budget: number): string[] => {
    const ours = over("outrigger", of) ?? 0;
    const theirs = over(nginx.name, of);
    const moonshot = theirs === null ? null : Number((ADDED_OVER_NGINX * theirs).toFixed(2));
    return [
      title,
      number(ours, 2),
      theirs === null ? "" : number(theirs, 2),
      goal(ours, budget, "≤", " ms"),
      goal(ours, moonshot, "≤", " ms"),
    ];
  };
  return {
    head: ["", "ours, ms", "nginx, ms", "budget", "moonshot"],
    rows: [
      row("p50", (time) => time.p50Ms.median, ADDED_P50_MS),
      row("p99", (time) => time.p99Ms.median, ADDED_P99_MS),
    ],
  };
}
