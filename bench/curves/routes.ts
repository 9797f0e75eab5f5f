import type { Curve } from "../lib/curve.ts";
import { measure, warmUp } from "../lib/measure.ts";
import { number } from "../lib/table.ts";
import { startUpstream } from "../peers/nginx.ts";
import { type Ours, startOurs } from "../peers/ours.ts";

/** Whether a large manifest makes calls dearer. The load goes to ten routes of it. */
export const routes: Curve = {
  name: "routes",
  title: "A synchronous call, by routes in the manifest",
  along: { label: "routes", text: (value) => number(value) },
  values: { short: [10, 1_000], usual: [10, 100, 1_000, 10_000] },
  panels: [{ label: "processor time, µs a request", lines: ["a synchronous call"] }],
  async open(bench, values) {
    const upstream = await startUpstream(bench);
    const targets = new Map<number, Ours>();
    for (const count of values) {
      const target = await startOurs(bench, upstream.port, { name: `${number(count)} routes`, routes: count });
      await warmUp(bench, target);
      targets.set(count, target);
    }
    return async (count) => [(await measure(bench, targets.get(count)!, bench.options.seconds)).us];
  },
};
