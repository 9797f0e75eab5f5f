import type { Case } from "../lib/bench.ts";
import { diskNote } from "../lib/disk.ts";
import type { Drained } from "../lib/drained.ts";
import { othersNote } from "../lib/others.ts";
import { machineTime } from "../lib/processor-time.ts";
import { RATIO_HEAD, ratioRow } from "../lib/report.ts";
import { ratios, spread } from "../lib/statistics.ts";
import { number } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { startApp, startOursFair } from "../peers/ours.fair.ts";
import { oursVersion } from "../peers/ours.ts";

const JOBS_EACH = { short: 2_000, full: 5_000 };
/** Of apps that take their time: then slots are what is short, not the processor. */
const APP_MS = 20;

/** Whether an app that hangs is in the way of others: they must get their jobs as fast as without it. */
export const fair: Case = {
  name: "fair",
  about: "jobs of nine apps while a tenth hangs, over the same while it has none",
  async run(bench) {
    const { full, pairs } = bench.options;
    const jobs = full ? JOBS_EACH.full : JOBS_EACH.short;
    const before = machineTime();
    const hanging = await startApp(bench, null);
    const apps = [
      { title: "apps that answer at once", port: (await startUpstream(bench)).port },
      { title: `apps that answer after ${APP_MS} ms`, port: await startApp(bench, APP_MS) },
    ];
    const found = [];
    for (const { title, port } of apps) {
      const [well, sick] = [await startOursFair(bench, port, null), await startOursFair(bench, port, hanging)];
      const runs: { well: Drained[]; sick: Drained[] } = { well: [], sick: [] };
      // The first round warms up.
      for (let pair = 0; pair <= pairs; pair++) {
        const [a, b] = [await well.run(jobs), await sick.run(jobs)];
        const figures = [a, b].map(({ perSecond }) => `${Math.round(perSecond)}/s`);
        const round = pair === 0 ? "warm-up" : `pair ${pair} of ${pairs}`;
        bench.say(`${round}: ${title}: ${well.name} ${figures[0]}, ${sick.name} ${figures[1]}`);
        if (pair === 0) continue;
        runs.well.push(a);
        runs.sick.push(b);
      }
      const over = (of: (run: Drained) => number) => ratios(runs.sick.map(of), runs.well.map(of));
      found.push({ title, ...runs, rate: over(({ perSecond }) => perSecond), time: over(({ us }) => us) });
    }
    return {
      title: `fair: ${number(9 * jobs)} jobs of 1 KiB for nine apps, ${pairs} pairs`,
      parts: [
        {
          caption: "Each by itself, jobs/s of the nine",
          table: {
            head: ["", "median", "min", "max"],
            rows: found.flatMap(({ title, well, sick }) =>
              [
                { name: `${title}, all are well`, runs: well },
                { name: `${title}, one of ten hangs`, runs: sick },
              ].map(({ name, runs }) => {
                const { median, min, max } = spread(runs.map((run) => run.perSecond));
                return [name, ...[median, min, max].map((value) => number(value))];
              }),
            ),
          },
        },
        {
          caption: "One hangs over all are well, pair by pair",
          table: {
            head: RATIO_HEAD,
            rows: found.flatMap(({ title, rate, time }) => [
              ratioRow(`jobs/s, ${title}`, rate),
              ratioRow(`processor time per job, ${title}`, time),
            ]),
          },
        },
      ],
      notes: [
        "With the defaults: 64 deliveries at once, 16 to one app. The one that hangs has jobs that are always due.",
        diskNote(bench.folder("disk")),
        othersNote(before, machineTime()),
      ],
      versions: [oursVersion(), `upstream ${nginxVersion()}`],
      figures: { jobs: 9 * jobs, found },
    };
  },
};
