import type { ComponentChildren, VNode } from "preact";
import { type CallLine, type CallStats, WINDOW_WORDS, WINDOWS, windowOf } from "../core/calls.ts";
import { amount, count, duration, percent } from "../core/format.ts";
import { html } from "../core/html.ts";
import { go, place, toWith } from "../core/router.ts";
import { useStore } from "../core/store.ts";
import { Spark } from "./spark.ts";
import type { Level } from "./status.ts";
import type { Column } from "./table.ts";

/** How calls went, in numbers and small pictures. */

/** Below these, percent: a few failures, and an incident. */
const GOOD = 99;
const POOR = 95;

function rateLevel(rate: number | null): Level {
  if (rate === null) return "idle";
  if (rate >= GOOD) return "good";
  return rate >= POOR ? "warn" : "bad";
}

function Rate({ rate }: { rate: number | null | undefined }): VNode {
  const level = rateLevel(rate ?? null);
  return html`<span class=${level === "good" || level === "idle" ? "" : level}>${level === "bad" ? "▼ " : ""}${percent(rate)}</span>`;
}

/** Columns of a list whose items have a line of calls; `undefined` where none is known. */
export function callColumns<T>(lineOf: (item: T) => CallLine | undefined): Column<T>[] {
  return [
    { name: "Calls, last hour", cell: (item) => sparkOf(lineOf(item)) },
    { name: "Success", number: true, cell: (item) => html`<${Rate} rate=${lineOf(item)?.total.success_rate} />` },
    { name: "p95", number: true, cell: (item) => duration(lineOf(item)?.total.p95_ms) },
  ];
}

function sparkOf(line: CallLine | undefined): ComponentChildren {
  // Of a long list the service may tell only the first lines.
  if (line === undefined) return html`<span class="quiet">–</span>`;
  if (line.total.count === 0) return html`<span class="quiet">no calls</span>`;
  const failed = line.total.judged - line.total.success;
  const label = `${amount(line.total.count, "call", "calls")}, ${count(failed)} not answered by the app`;
  return html`<${Spark} values=${line.spark.count} bad=${line.spark.failed} label=${label} />`;
}

export function statFacts(total: CallStats): (readonly [string, ComponentChildren])[] {
  return [
    ["Calls", count(total.count)],
    ["Success", html`<${Rate} rate=${total.success_rate} />`],
    ["Timeouts", percent(total.timeout_rate)],
    ["p50", duration(total.p50_ms)],
    ["p95", duration(total.p95_ms)],
    ["p99", duration(total.p99_ms)],
    ["Fallbacks", count(total.outcomes.fallback)],
    ["Rejected", count(total.outcomes.rejected)],
  ];
}

/** Which span of time the page is about; it is part of its address. */
export function WindowChoice(): VNode {
  const { segments, query } = useStore(place);
  const chosen = windowOf(query);
  return html`<label class="inline">
    <span class="hidden">Span of time</span>
    <select value=${chosen} onChange=${(event: Event) => go(toWith(segments, { window: (event.target as HTMLSelectElement).value }))}>
      ${WINDOWS.map((name) => html`<option key=${name} value=${name}>${WINDOW_WORDS[name]}</option>`)}
    </select>
  </label>`;
}
