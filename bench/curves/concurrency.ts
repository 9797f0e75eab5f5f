import type { Curve } from "../lib/curve.ts";
import { measure, warmUp } from "../lib/measure.ts";
import { number } from "../lib/table.ts";
import { startUpstream } from "../peers/nginx.ts";
import { startOurs } from "../peers/ours.ts";

/** Whether many callers at once are dearer than few. */
export const concurrency: Curve = {
  name: "concurrency",
  title: "A synchronous call, by callers at once",
  along: { label: "connections, each with a request under way", text: (value) => number(value) },
  values: { short: [1, 50, 500], usual: [1, 5, 20, 50, 200, 500, 1_000, 2_000] },
  panels: [{ label: "processor time, µs a request", lines: ["a synchronous call"] }],
  async open(bench) {
    const upstream = await startUpstream(bench);
    const ours = await startOurs(bench, upstream.port);
    await warmUp(bench, ours);
    return async (connections) => [(await measure(bench, ours, bench.options.seconds, { connections })).us];
  },
};
