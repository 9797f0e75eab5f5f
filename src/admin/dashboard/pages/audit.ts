import type { VNode } from "preact";
import { plain } from "../core/format.ts";
import { html } from "../core/html.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { type Column, Table } from "../parts/table.ts";
import { Time } from "../parts/time.ts";

interface Entry {
  readonly id: number;
  readonly at: string;
  readonly by: string;
  readonly action: string;
  readonly target: string;
  readonly detail: string;
}

const COLUMNS: readonly Column<Entry>[] = [
  { name: "When", cell: ({ at }) => html`<${Time} at=${at} />` },
  { name: "Who", cell: ({ by }) => plain(by) },
  { name: "Did", cell: ({ action }) => html`<code>${plain(action)}</code>` },
  { name: "To", cell: ({ target }) => html`<code>${plain(target)}</code>` },
  { name: "Detail", grow: true, wide: true, cell: ({ detail }) => plain(detail) },
];

/** Who changed what, and who tried wrong tokens. */
export function AuditPage(): VNode {
  const list = useList<Entry>("/audit?limit=50");
  return html`<div class="page">
    <div class="head"><h1 tabindex="-1">Audit</h1></div>
    <${Panel} title="Who changed what" note="Newest first">
      <${Loaded} of=${list.first} what="audit log" rows=${6}>
        ${() =>
          list.items.length === 0
            ? html`<${Empty} title="Nobody has changed anything yet" />`
            : html`<${Table} label="Audit" columns=${COLUMNS} items=${list.items} keyOf=${({ id }: Entry) => String(id)} /><${More} list=${list} />`}
      <//>
    <//>
  </div>`;
}
