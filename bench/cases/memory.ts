import type { Case } from "../lib/bench.ts";
import { saturate } from "../lib/load.ts";
import { RATIO_HEAD } from "../lib/report.ts";
import { residentMb } from "../lib/resident.ts";
import { number } from "../lib/table.ts";
import { nginxVersion, startUpstream } from "../peers/nginx.ts";
import { buildOurs } from "../peers/ours.built.ts";
import { oursVersion, startOurs } from "../peers/ours.ts";
import { fillSpool, MANY_JOBS, memoryRows, START_NOTES, startOnce } from "./spools.ts";

/** What a sidecar that does nothing holds, and one through which much has gone. */
export const memory: Case = {
  name: "memory",
  about: "resident memory: idle, with jobs that wait (--full: 1,000,000), after full load",
  async run(bench) {
    const { full, short, pairs, seconds } = bench.options;
    const upstream = await startUpstream(bench);
    const main = await buildOurs(bench);
    const empty = await fillSpool(bench, 0);
    const many = await fillSpool(bench, full ? MANY_JOBS.full : short ? MANY_JOBS.short : MANY_JOBS.usual);
    for (let round = 1; round <= pairs; round++) {
      for (const spool of [empty, many]) await startOnce(bench, upstream.port, spool, main);
    }
    const target = await startOurs(bench, upstream.port, { serve: { main } });
    const loadedMb: number[] = [];
    for (let round = 1; round <= pairs; round++) {
      await saturate(bench, target, seconds);
      loadedMb.push(residentMb(target.pid));
    }
    const loaded = `${loadedMb.map((mb) => number(mb)).join(", ")} MB`;
    return {
      title: `memory: resident, two seconds after the start, ${pairs} starts`,
      parts: [{ caption: "Resident memory", table: { head: RATIO_HEAD, rows: memoryRows(empty, many) } }],
      notes: [
        `After each of ${pairs} times ${seconds} s of synchronous calls at full load: ${loaded}.`,
        ...START_NOTES,
      ],
      versions: [oursVersion(), `upstream ${nginxVersion()}`],
      figures: { empty: empty.idleMb, many: many.idleMb, waiting: many.waiting, loadedMb },
    };
  },
};
