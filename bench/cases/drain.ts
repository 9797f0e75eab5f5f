import type { Case } from "../lib/bench.ts";
import { diskNote } from "../lib/disk.ts";
import { type Drained, drainInPairs, summarizeDrains } from "../lib/drained.ts";
import { sendExactly } from "../lib/load.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { RATIO_HEAD, ratioRow } from "../lib/report.ts";
import { ratios } from "../lib/statistics.ts";
import { number } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { IN_FLIGHT, startOursAsync } from "../peers/ours.async.ts";
import { oursVersion } from "../peers/ours.ts";
import { bullmqWorker } from "../peers/queues.ts";
import { REDIS_SYNC } from "../peers/redis.ts";
import { profileDrain } from "./async.profile.ts";

const GOALS = { budget: 2, moonshot: 2.5 };
const JOBS = { short: 10_000, usual: 20_000, full: 200_000 };
/** Until the compiler has settled. */
const WARM_UP_JOBS = { short: 5_000, usual: 20_000 };

/** How fast a queue empties into an app that is back. */
export const drain: Case = {
  name: "drain",
  about: "jobs that wait, sent to an app that answers at once, against a BullMQ worker",
  async run(bench) {
    const { full, short, pairs, profile } = bench.options;
    const jobs = full ? JOBS.full : short ? JOBS.short : JOBS.usual;
    const warmUpJobs = short ? WARM_UP_JOBS.short : WARM_UP_JOBS.usual;
    const upstream = await startUpstream(bench);
    if (profile) return profileDrain(bench, upstream.port, Math.max(jobs, JOBS.usual * 2));
    const target = await startOursAsync(bench, upstream.port);
    await target.pause();
    const ours = async (count: number): Promise<Drained> => {
      await sendExactly(bench, target, count);
      return target.drain();
    };
    const there = bullmqWorker.version();
    const theirs = there === null ? null : await bullmqWorker.start(bench, upstream.port, IN_FLIGHT);

    const before = machineTime();
    const peer = theirs === null ? null : { name: bullmqWorker.name, drain: theirs };
    const found = await drainInPairs(bench, ours, peer, { jobs, warmUp: warmUpJobs });
    const over = (of: (run: Drained) => number) => ratios(found.ours.map(of), found.theirs.map(of));
    const row = (title: string, runs: readonly Drained[]): string[] => {
      const { us, perSecond } = summarizeDrains(runs);
      return [title, number(us.median, 1), ...[perSecond.median, perSecond.min, perSecond.max].map((n) => number(n))];
    };
    const peerRows = theirs === null ? [] : [row(bullmqWorker.title, found.theirs)];
    const ratioRows =
      theirs === null
        ? []
        : [
            ratioRow(
              `jobs/s over ${bullmqWorker.title}`,
              over((run) => run.perSecond),
              GOALS,
            ),
            ratioRow(
              "processor time per job",
              over((run) => run.us),
            ),
          ];
    return {
      title: `drain: ${number(jobs)} jobs of 1 KiB, ${IN_FLIGHT} at once, ${pairs} pairs`,
      parts: [
        {
          caption: "Each by itself (BullMQ's time includes that of Redis)",
          table: {
            head: ["", "µs/job", "jobs/s", "min", "max"],
            rows: [row("outrigger, everything on", found.ours), ...peerRows],
          },
        },
        { caption: "Ours over the peer, pair by pair", table: { head: RATIO_HEAD, rows: ratioRows } },
      ],
      notes: [
        ...(there === null ? [`${bullmqWorker.title} is left out: not installed (${bullmqWorker.install})`] : []),
        `From the resume of a paused app to the last settled job (asked every 10 ms towards the end). Redis: ${REDIS_SYNC}.`,
        diskNote(bench.folder("disk")),
        othersNote(before, machineTime()),
      ],
      versions: [oursVersion(), ...(there === null ? [] : [there]), `upstream ${nginxVersion()}`],
      figures: { jobs, ...found },
    };
  },
};
