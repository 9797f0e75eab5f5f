import type { Curve } from "../lib/curve.ts";
import { measure } from "../lib/measure.ts";
import { number } from "../lib/table.ts";
import { startUpstream } from "../peers/nginx.ts";
import { type AsyncTarget, fill, startOursAsync } from "../peers/ours.async.ts";

/** Whether jobs that wait for one app make those of another dearer, on their way in and on their way out. */
export const waiting: Curve = {
  name: "waiting",
  title: "A stored job, by jobs that wait for another app",
  along: { label: "jobs waiting", text: (value) => number(value) },
  values: { short: [0, 1_000, 10_000], usual: [0, 1_000, 10_000, 100_000, 1_000_000] },
  panels: [{ label: "processor time, µs a job", lines: ["taken in", "delivered"] }],
  async open(bench, values) {
    const upstream = await startUpstream(bench);
    const targets = new Map<number, AsyncTarget>();
    for (const jobs of values) {
      const folder = bench.folder(`waiting-${jobs}`);
      bench.say(`filling a spool with ${number(jobs)} jobs`);
      await fill(bench, folder, jobs);
      const target = await startOursAsync(bench, upstream.port, { name: `${number(jobs)} waiting`, folder });
      await target.pause();
      targets.set(jobs, target);
    }
    return async (jobs) => {
      const target = targets.get(jobs)!;
      const { us } = await measure(bench, target, bench.options.seconds);
      return [us, (await target.drain()).us];
    };
  },
};
