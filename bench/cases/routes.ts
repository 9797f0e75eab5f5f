import type { Case } from "../lib/bench.ts";
import { inPairs, summarize } from "../lib/measure.ts";
import { number } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { oursVersion, startOurs } from "../peers/ours.ts";

const MANY = 10_000;
const FEW = 10;

/** Whether a large manifest makes calls dearer: the same load on ten routes of 10,000, and on ten of ten. */
export const routes: Case = {
  name: "routes",
  about: "a call with 10,000 routes against one with 10 (the lookup alone: micro)",
  async run(bench) {
    const upstream = await startUpstream(bench);
    const few = await startOurs(bench, upstream.port, { name: `${FEW} routes`, routes: FEW });
    const many = await startOurs(bench, upstream.port, { name: `${number(MANY)} routes`, routes: MANY });
    const [found] = await inPairs(bench, many, [few]);
    const { ours, runs, ratio } = found!;
    const row = (name: string, us: ReturnType<typeof summarize>): string[] => [
      name,
      number(us.us.median, 1),
      number(us.perSecond.median),
    ];
    return {
      title: `routes: calls to ten routes, ${bench.options.pairs} pairs of ${bench.options.seconds} s`,
      parts: [
        {
          caption: "Each by itself (medians)",
          table: {
            head: ["", "µs/request", "requests/s"],
            rows: [row(many.name, summarize(ours)), row(few.name, summarize(runs))],
          },
        },
        {
          caption: "Processor time per request, pair by pair",
          table: {
            head: ["", "median", "min", "max"],
            rows: [[`${many.name} over ${few.name}`, ...[ratio.median, ratio.min, ratio.max].map((r) => number(r, 2))]],
          },
        },
      ],
      notes: [],
      versions: [oursVersion(), `upstream ${nginxVersion()}`],
      figures: { many: summarize(ours), few: summarize(runs), ratio },
    };
  },
};
