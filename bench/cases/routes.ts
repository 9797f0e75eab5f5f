import type { Case } from "../lib/bench.ts";
import { inPairs, summarize } from "../lib/measure.ts";
import { callWhile } from "../lib/paced.ts";
import { residentMb } from "../lib/resident.ts";
import { number } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { buildOurs } from "../peers/ours.built.ts";
import { oursVersion, startOurs } from "../peers/ours.ts";
import { measureReloads, reloadPart } from "./routes.reload.ts";

const MANY = 10_000;
const FEW = 10;
/** Calls are watched so long without a reload first, to know the machine. */
const QUIET_MS = 2000;

/** Whether a large manifest makes calls dearer: the same load on ten routes of 10,000, and on ten of ten. */
export const routes: Case = {
  name: "routes",
  about: "a call with 10,000 routes against one with 10 (the lookup alone: micro), and their reload",
  async run(bench) {
    const upstream = await startUpstream(bench);
    const serve = { main: await buildOurs(bench) };
    const few = await startOurs(bench, upstream.port, { name: `${FEW} routes`, routes: FEW, serve });
    const startedAt = performance.now();
    const many = await startOurs(bench, upstream.port, { name: `${number(MANY)} routes`, routes: MANY, serve });
    const readyMs = performance.now() - startedAt;
    const startMb = residentMb(many.pid);
    const [found] = await inPairs(bench, many, [few]);
    await few.stop();
    const quiet = await callWhile(many, () => new Promise((resume) => setTimeout(resume, QUIET_MS)));
    const reloads = await measureReloads(bench, many, bench.options.short ? 3 : 10);
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
        reloadPart(reloads, quiet, many),
      ],
      notes: [`Start to ready with ${many.name}: ${number(readyMs)} ms; resident then: ${number(startMb)} MB.`],
      versions: [oursVersion(), `upstream ${nginxVersion()}`],
      figures: { many: summarize(ours), few: summarize(runs), ratio, readyMs, startMb, quiet, reloads },
    };
  },
};
