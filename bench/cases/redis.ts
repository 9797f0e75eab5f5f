import type { Bench, Case, Report } from "../lib/bench.ts";
import { type Drain, type Drained, drainInPairs, summarizeDrains } from "../lib/drained.ts";
import { sendExactly } from "../lib/load.ts";
import { inPairs, type Paired, summarize } from "../lib/measure.ts";
import { type Latency, latencies, RATE } from "../lib/open-loop.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { RATIO_HEAD, ratioRow } from "../lib/report.ts";
import { ratios, type Spread } from "../lib/statistics.ts";
import { number, type Table } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { type AsyncTarget, IN_FLIGHT, startOursAsync } from "../peers/ours.async.ts";
import { oursVersion, startOurs } from "../peers/ours.ts";
import { bullmqAdd, bullmqWorker } from "../peers/queues.ts";
import { REDIS_INSTALL, REDIS_SYNC, redisVersion, startRedis } from "../peers/redis.ts";

/** Both on a Redis of their own: an accepted job should cost no more than BullMQ's own `add`. */
const AT_LEAST_EVEN = { budget: 1, moonshot: 1.5 };
const JOBS = { short: 10_000, full: 100_000 };

/** What several sidecars share costs: jobs taken and sent on Redis, and what a call waits for its being shared. */
export const redis: Case = {
  name: "redis",
  about: "a spool on Redis against BullMQ, and calls of which breakers and failovers are shared",
  async run(bench) {
    const version = redisVersion();
    if (version === null) throw new Error(`redis-server is not installed: ${REDIS_INSTALL}`);
    const upstream = await startUpstream(bench);
    const spool = await startRedis(bench);
    const place = { port: spool.port, pid: spool.proc.pid };
    const ours = await startOursAsync(bench, upstream.port, { name: "outrigger on Redis", redis: place });
    await ours.pause();
    const before = machineTime();
    const add = await bullmqAdd.start(bench, upstream.port);
    const [taken] = await inPairs(bench, ours, [add]);
    await add.stop();
    const drained = await drains(bench, ours, upstream.port);
    await ours.stop();
    const times = await added(bench, upstream.port);
    const notes = [
      `Redis: ${REDIS_SYNC}, one for ours and one for the peer; its processor time is part of each.`,
      "On Redis ours keeps a record of each job beside BullMQ's, in the same script: key of idempotency, bounds, counts, order.",
      othersNote(before, machineTime()),
    ];
    const versions = [oursVersion(), version, bullmqAdd.version() ?? "", `upstream ${nginxVersion()}`];
    return report(bench, { taken: taken as Paired, drained, times, notes, versions });
  },
};

interface Found {
  readonly taken: Paired;
  readonly drained: Awaited<ReturnType<typeof drainInPairs>>;
  readonly times: Awaited<ReturnType<typeof added>>;
  readonly notes: readonly string[];
  readonly versions: readonly string[];
}

async function drains(bench: Bench, ours: AsyncTarget, upstreamPort: number): Promise<Found["drained"]> {
  const jobs = bench.options.full ? JOBS.full : JOBS.short;
  // What intake has left behind.
  await ours.drain();
  const drain: Drain = async (count) => {
    await sendExactly(bench, ours, count);
    return ours.drain();
  };
  const theirs = { name: bullmqWorker.name, drain: await bullmqWorker.start(bench, upstreamPort, IN_FLIGHT) };
  return drainInPairs(bench, drain, theirs, { jobs, warmUp: JOBS.short });
}

/** The same calls by a sidecar that shares nothing, and by one that does: no call asks Redis for anything. */
async function added(bench: Bench, upstreamPort: number): Promise<readonly (readonly [string, Latency])[]> {
  const server = await startRedis(bench);
  const alone = await startOurs(bench, upstreamPort, { name: "alone" });
  const shared = await startOurs(bench, upstreamPort, { name: "shared", redisPort: server.port });
  const direct = {
    name: "direct",
    port: upstreamPort,
    paths: ["/webhooks/answer"],
    pid: process.pid,
    stop: alone.stop,
  };
  const { full } = bench.options;
  const times = await latencies(bench, [direct, alone, shared], full ? 5 : 1, full ? 6 : 3);
  return (["direct, no proxy", "outrigger by itself", "outrigger, shared on Redis"] as const).map((title, i) => [
    title,
    times[i] as Latency,
  ]);
}

function report(bench: Bench, { taken, drained, times, notes, versions }: Found): Report {
  const { pairs, seconds } = bench.options;
  const perSecond = over(taken.ours, taken.runs, (run) => run.perSecond);
  const drainPerSecond = over(drained.ours, drained.theirs, (run) => run.perSecond);
  const drainTime = over(drained.ours, drained.theirs, (run) => run.us);
  return {
    title: `redis: 1 KiB JSON POST, ${pairs} pairs; intake for ${seconds} s with 50 connections, drain ${IN_FLIGHT} at once`,
    parts: [
      { caption: "Each by itself (medians, time of Redis included)", table: each(taken, drained) },
      {
        caption: "Per second: ours over BullMQ, pair by pair",
        table: {
          head: RATIO_HEAD,
          rows: [
            ratioRow("intake over one add", perSecond, AT_LEAST_EVEN),
            ratioRow("drain over its worker", drainPerSecond, AT_LEAST_EVEN),
          ],
        },
      },
      {
        caption: "Processor time: ours over BullMQ, pair by pair",
        table: {
          head: RATIO_HEAD.slice(0, 4),
          rows: [ratioRow("intake", taken.ratio), ratioRow("drain", drainTime)].map((row) => row.slice(0, 4)),
        },
      },
      { caption: `A synchronous call at ${number(RATE)} requests/s`, table: waited(times) },
    ],
    notes,
    versions,
    figures: {
      pairs,
      seconds,
      intake: { perSecond, ...taken },
      drain: { drainPerSecond, drainTime, ...drained },
      times,
    },
  };
}

function over<Run>(ours: readonly Run[], theirs: readonly Run[], of: (run: Run) => number): Spread {
  return ratios(ours.map(of), theirs.map(of));
}

function each(taken: Paired, drained: Found["drained"]): Table {
  const intake = [taken.ours, taken.runs].map(summarize);
  const emptied = [drained.ours, drained.theirs].map((runs: readonly Drained[]) => summarizeDrains(runs));
  const row = (title: string, { us, perSecond }: { us: Spread; perSecond: Spread }): string[] => [
    title,
    number(us.median, 1),
    number(perSecond.median),
  ];
  return {
    head: ["", "µs", "per second"],
    rows: [
      ...["intake: outrigger", "intake: BullMQ add"].map((title, i) => row(title, intake[i]!)),
      ...["drain: outrigger", "drain: BullMQ worker"].map((title, i) => row(title, emptied[i]!)),
    ],
  };
}

function waited(times: Found["times"]): Table {
  const ms = (spread: Spread): string => number(spread.median, 2);
  return {
    head: ["", "p50 ms", "p99 ms"],
    rows: times.map(([title, { p50Ms, p99Ms }]) => [title, ms(p50Ms), ms(p99Ms)]),
  };
}
