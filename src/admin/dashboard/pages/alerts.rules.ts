import type { VNode } from "preact";
import type { AlertRules } from "../core/alerts.ts";
import { plain, words } from "../core/format.ts";
import { html } from "../core/html.ts";
import { useResource } from "../core/resource.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { type Column, Table } from "../parts/table.ts";
import { RulesActions } from "./alerts.rules.edit.ts";

type Rule = AlertRules["rules"][number];

const COLUMNS: readonly Column<Rule>[] = [
  { name: "Rule", cell: ({ name }) => html`<span class="name">${name}</span>` },
  { name: "Fires when", grow: true, cell: conditionText },
  { name: "Of", cell: scopeText },
];

/** The rules in force. */
export function AlertRulesPanel(): VNode {
  const rules = useResource<AlertRules>("/alerts/rules", ({ type }) => type === "manifest.applied");
  const from =
    rules.data?.source === "api" ? `set by ${rules.data.set_by} in place of the manifest's` : "from the manifest";
  return html`<${Panel} title="Rules" note=${rules.data && `${from}, checked every ${rules.data.interval}`}
    actions=${rules.data && html`<${RulesActions} data=${rules.data} reload=${rules.reload} />`}>
    <${Loaded} of=${rules} what="rules of alerts">
      ${(data: AlertRules) =>
        data.rules.length === 0
          ? html`<${Empty} title="No rules" hint="Write one under alerts.rules of the manifest, and have it proved:" command="outrigger check config/outrigger.yaml" />`
          : html`<${Table} label="Rules" columns=${COLUMNS} items=${data.rules} keyOf=${({ name }: Rule) => name} />`}
    <//>
  <//>`;
}

function conditionText({ metric, below, above, over, for: span }: Rule): string {
  const bound = [below !== undefined && `below ${String(below)}`, above !== undefined && `above ${String(above)}`];
  const parts = [
    words(metric),
    ...bound,
    over !== undefined && `over ${String(over)}`,
    span !== undefined && `for ${String(span)}`,
  ];
  return plain(parts.filter(Boolean).join(" "));
}

function scopeText({ apps, capabilities }: Rule): string {
  const named = [apps, capabilities].flatMap((names) => (Array.isArray(names) ? [names.join(", ")] : []));
  return named.length === 0 ? "everything" : plain(named.join(" / "));
}
