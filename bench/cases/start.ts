import type { Case } from "../lib/bench.ts";
import { RATIO_HEAD } from "../lib/report.ts";
import { startUpstream } from "../peers/nginx.ts";
import { buildOurs } from "../peers/ours.built.ts";
import { oursVersion } from "../peers/ours.ts";
import { fillSpool, MANY_JOBS, START_NOTES, startOnce, startRows } from "./spools.ts";

/** How long nobody is answered when a sidecar is started. */
export const start: Case = {
  name: "start",
  about: "start to ready: an empty spool, and one of many jobs (--full: 1,000,000)",
  async run(bench) {
    const { full, short, pairs } = bench.options;
    const upstream = await startUpstream(bench);
    const main = await buildOurs(bench);
    const empty = await fillSpool(bench, 0);
    const many = await fillSpool(bench, full ? MANY_JOBS.full : short ? MANY_JOBS.short : MANY_JOBS.usual);
    for (let round = 1; round <= pairs; round++) {
      for (const spool of [empty, many]) await startOnce(bench, upstream.port, spool, main);
    }
    return {
      title: `start: from the start of the process to its ready line, ${pairs} starts`,
      parts: [{ caption: "Start", table: { head: RATIO_HEAD, rows: startRows(empty, many) } }],
      notes: START_NOTES,
      versions: [oursVersion()],
      figures: { empty: empty.readyMs, many: many.readyMs, waiting: many.waiting },
    };
  },
};
