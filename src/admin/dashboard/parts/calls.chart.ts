import type { VNode } from "preact";
import type { CallPoint, CallSeries } from "../core/calls.ts";
import { amount, count, duration } from "../core/format.ts";
import { html } from "../core/html.ts";
import { Chart } from "./chart.ts";
import { Empty } from "./panel.ts";

const times = (series: readonly CallPoint[]): number[] => series.map(({ at }) => Date.parse(at));

/** Without the last step where it has only begun: a line that falls there would look like a fall. */
function whole({ series, to, step_ms: step }: CallSeries): readonly CallPoint[] {
  const last = series.at(-1);
  const before = series.at(-2);
  if (!last || !before || before.count === 0) return series;
  return Date.parse(last.at) + step > Date.parse(to) ? series.slice(0, -1) : series;
}

/** How many calls there were, and how many of them the app did not answer well. */
export function CallChart({ calls }: { calls: CallSeries }): VNode {
  const series = whole(calls);
  const all = series.reduce((sum, point) => sum + point.count, 0);
  const failed = series.reduce((sum, { judged, success }) => sum + judged - success, 0);
  if (all === 0) return html`<${Empty} title="No calls in this time" />`;
  const lines = [
    { name: "Calls", colour: "--accent", filled: true, values: series.map((point) => point.count) },
    {
      name: "Not answered by the app",
      colour: "--bad",
      filled: true,
      dashed: true,
      values: series.map(({ judged, success }) => judged - success),
    },
  ];
  const label = `Calls over time: ${amount(all, "call", "calls")}, ${count(failed)} not answered by the app`;
  return html`<${Chart} at=${times(series)} lines=${lines} label=${label} format=${count} />`;
}

/** How long answers took. */
export function LatencyChart({ calls }: { calls: CallSeries }): VNode {
  const series = whole(calls);
  const worst = Math.max(0, ...series.map((point) => point.p95_ms ?? 0));
  if (series.every((point) => point.p95_ms === null)) return html`<${Empty} title="Nothing measured in this time" />`;
  const lines = [
    { name: "p50", colour: "--quiet", values: series.map((point) => point.p50_ms) },
    { name: "p95", colour: "--accent", values: series.map((point) => point.p95_ms) },
    { name: "p99", colour: "--warn", dashed: true, values: series.map((point) => point.p99_ms) },
  ];
  const label = `Duration over time: the worst p95 of a step is ${duration(worst)}`;
  return html`<${Chart} at=${times(series)} lines=${lines} label=${label} format=${duration} />`;
}
