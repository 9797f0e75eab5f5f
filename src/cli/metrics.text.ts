import type { CallLineView, CallSeriesView } from "../admin/calls.ts";
import { spanText } from "./amount.ts";
import { type Io, paint } from "./command.ts";
import { sparkline } from "./spark.ts";
import { type Cell, table } from "./table.ts";

/** The history of calls for people. */

type Stats = CallSeriesView["total"];

const HEAD = ["CALLS", "SUCCESS", "TIMEOUTS", "P50", "P95", "P99"];
const LINE_WIDTH = 30;
const SERIES_WIDTH = 80;
/** Below these percents of success somebody should look. */
const POOR = 90;
const FAIR = 99;

/** A line for each app or route, and one for the whole of them. */
export function linesText(whole: CallSeriesView, lines: readonly CallLineView[], io: Io): string {
  const counts = whole.series.map(({ count }) => count);
  const rows = lines.map(({ app, capability, total, spark }): Cell[] => [
    capability === null ? app : `${app}/${capability}`,
    ...statsCells(total, io),
    sparkline(spark.count, LINE_WIDTH),
  ]);
  const sum: Cell[] = ["in all", ...statsCells(whole.total, io), sparkline(counts, LINE_WIDTH)];
  return headText(whole) + table([whole.app === null ? "APP" : "ROUTE", ...HEAD, "CALLS OVER TIME"], [...rows, sum]);
}

/** One route: what it was in all, and how it went. */
export function routeText(view: CallSeriesView, io: Io): string {
  const { total, series } = view;
  const outcomes = Object.entries(total.outcomes).filter(([, count]) => count > 0);
  const jobs = total.delivered + total.dead > 0 ? [`${total.delivered} delivered, ${total.dead} dead`] : [];
  const rows: Cell[][] = [
    ["calls", sparkline(counted(series, "count"), SERIES_WIDTH), highest(counted(series, "count"))],
    ["failed", sparkline(failed(series), SERIES_WIDTH), highest(failed(series))],
    ["timeouts", sparkline(counted(series, "timeouts"), SERIES_WIDTH), highest(counted(series, "timeouts"))],
    ["p95", sparkline(p95(series), SERIES_WIDTH), millis(Math.max(0, ...p95(series)) || null)],
  ];
  return [
    headText(view),
    table(HEAD, [statsCells(total, io)]),
    `outcomes  ${[...outcomes.map(([name, count]) => `${name} ${count}`), ...jobs].join(", ") || "none"}\n\n`,
    table(["", "OVER TIME", "HIGHEST"], rows),
  ].join("");
}

type Series = CallSeriesView["series"];

const counted = (series: Series, name: "count" | "timeouts"): number[] => series.map((point) => point[name]);
const failed = (series: Series): number[] => series.map(({ judged, success }) => judged - success);
const p95 = (series: Series): number[] => series.map(({ p95_ms: ms }) => ms ?? 0);
const highest = (values: readonly number[]): string => String(Math.max(0, ...values));

function headText({ app, capability, from, to, step_ms: stepMs }: CallSeriesView): string {
  const what = app === null ? "all apps" : capability === null ? app : `${app}/${capability}`;
  return `${what}, ${from.slice(0, 16)} to ${to.slice(0, 16)} UTC, steps of ${spanText(stepMs)}\n\n`;
}

function statsCells(stats: Stats, io: Io): Cell[] {
  const { green, yellow, red, dim } = paint(io);
  const { success_rate: rate, timeout_rate: timeouts } = stats;
  const colour = rate === null ? dim : rate >= FAIR ? green : rate >= POOR ? yellow : red;
  return [
    String(stats.count),
    { text: percent(rate), paint: colour },
    { text: percent(timeouts), paint: timeouts !== null && timeouts > 0 ? yellow : dim },
    millis(stats.p50_ms),
    millis(stats.p95_ms),
    millis(stats.p99_ms),
  ];
}

function percent(rate: number | null): string {
  return rate === null ? "-" : `${Math.floor(rate * 10) / 10}%`;
}

/** Three figures: as exact as the history is. */
export function millis(ms: number | null): string {
  if (ms === null) return "-";
  if (ms >= 10_000) return `${(ms / 1000).toFixed(ms >= 100_000 ? 0 : 1)}s`;
  return `${ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : 2)}ms`;
}
