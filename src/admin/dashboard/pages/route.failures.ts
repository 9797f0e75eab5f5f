import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Sample } from "../core/calls.ts";
import { amount, count, duration, words } from "../core/format.ts";
import { html } from "../core/html.ts";
import { apiPath, toWith } from "../core/router.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { StateBadge } from "../parts/status.ts";
import { type Column, Table } from "../parts/table.ts";
import { Time } from "../parts/time.ts";
import { Watch } from "./route.watch.ts";

const COLUMNS: readonly Column<Sample>[] = [
  { name: "When", cell: ({ at }) => html`<${Time} at=${at} />` },
  { name: "Outcome", cell: ({ outcome }) => html`<${StateBadge} state=${outcome} />` },
  { name: "Why", cell: ({ error }) => (error === null ? "–" : words(error)) },
  { name: "Status", number: true, cell: ({ status }) => (status === 0 ? "–" : String(status)) },
  { name: "Sends", number: true, cell: ({ attempts }) => count(attempts) },
  { name: "Took", number: true, cell: (one) => duration(one.duration_ms) },
  {
    name: "Request id",
    wide: true,
    grow: true,
    cell: ({ request_id: id }) =>
      html`<a href=${toWith(["deliveries"], { request_id: id })} title="Its stored delivery, where there is one"><code>${id}</code></a>`,
  },
];

/** The newest calls that the app did not answer well. */
export function Failures({ app, capability }: { app: string; capability: string }): VNode {
  const list = useList<Sample>(`${apiPath("webhook-metrics", app, capability)}/samples?failures=true&limit=20`);
  const [watching, setWatching] = useState(false);
  const watch = html`<button type="button" aria-pressed=${watching} onClick=${() => setWatching(!watching)}>
    ${watching ? "Stop watching" : "Watch every try"}
  </button>`;
  return html`<${Panel} title="Recent failures" note="Each send is a try on an upstream" actions=${watch}>
    ${watching && html`<${Watch} app=${app} capability=${capability} />`}
    <${Loaded} of=${list.first} what="record of single calls">
      ${() =>
        list.items.length === 0
          ? html`<${Empty} title="No failures are kept" hint="Send a call and see every try of it:" command=${`outrigger send ${app} ${capability} --data @body.json`} />`
          : html`<${Table} label="Recent failures" columns=${COLUMNS} items=${list.items} keyOf=${({ id }: Sample) => String(id)} /><${More} list=${list}><span class="quiet">${amount(list.items.length, "call", "calls")}</span><//>`}
    <//>
  <//>`;
}
