import type { VNode } from "preact";
import { duration, plain } from "../core/format.ts";
import { html } from "../core/html.ts";
import { to } from "../core/router.ts";
import { type Column, Table } from "./table.ts";

/** The answer of `/explain`. */
export interface Explained {
  /** `app/capability`. */
  readonly route: string;
  readonly values: readonly Value[];
  readonly timeline: { readonly answered_by_ms: number | null; readonly note: string | null };
}
interface Value {
  readonly path: string;
  readonly value?: unknown;
  readonly origin: string;
}

const COLUMNS: readonly Column<Value>[] = [
  { name: "Value", cell: ({ path }) => html`<code>${path}</code>` },
  { name: "Is", grow: true, cell: ({ value }) => html`<code>${plain(JSON.stringify(value) ?? "–")}</code>` },
  { name: "Set by", cell: ({ origin }) => html`<span class=${origin === "default" ? "quiet" : ""}>${origin}</span>` },
];

/** Every value of a route, and which line of the manifest, or which default, it comes from. */
export function Values({ explained }: { explained: Explained }): VNode {
  const { route, values, timeline } = explained;
  const [app = "", capability = ""] = route.split("/");
  const latest = timeline.answered_by_ms;
  return html`<div>
    <p class="strip">
      <a href=${to("routes", app, capability)}>${route}</a> answers${latest !== null && html`, after ${duration(latest)} at the latest`}.
      ${timeline.note && html` <span class="quiet">${timeline.note}</span>`}
    </p>
    <${Table} label=${`Values of ${route}`} columns=${COLUMNS} items=${values} keyOf=${({ path }: Value) => path} />
  </div>`;
}
