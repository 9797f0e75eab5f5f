import type { VNode } from "preact";
import { type Alert, measured, subjectHref, subjectText } from "../core/alerts.ts";
import { plain } from "../core/format.ts";
import { html } from "../core/html.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { Badge, StateBadge } from "../parts/status.ts";
import { type Column, Table } from "../parts/table.ts";
import { Time } from "../parts/time.ts";
import { AlertRulesPanel } from "./alerts.rules.ts";
import { SilenceActions } from "./alerts.silence.ts";
import { Notifications } from "./notifications.ts";

/** What fires, what was told to whom, and the rules behind it. */
export function AlertsPage({ query }: { query: URLSearchParams }): VNode {
  const list = useList<Alert>("/alerts?limit=100", isAlert);
  const pending = useList<Alert>("/alerts?state=pending&limit=20", isAlert);
  const columns: Column<Alert>[] = [
    { name: "Alert", cell: nameCell },
    { name: "State", cell: stateCell },
    { name: "What", grow: true, cell: ({ summary }) => plain(summary) },
    { name: "Measured", number: true, cell: ({ value, unit }) => measured(value, unit) },
    { name: "Bound", number: true, wide: true, cell: ({ threshold, unit }) => measured(threshold, unit) },
    { name: "Since", cell: ({ since }) => html`<${Time} at=${since} />` },
    {
      name: "Act",
      number: true,
      cell: (alert) => html`<${SilenceActions} alert=${alert} reload=${list.first.reload} />`,
    },
  ];
  const alerts = [...list.items, ...pending.items].sort((a, b) => rank(a) - rank(b));
  return html`<div class="page">
    <div class="head"><h1 tabindex="-1">Alerts</h1></div>
    <${Panel} title="Firing, and over lately">
      <${Loaded} of=${list.first} what="alerts">
        ${() =>
          alerts.length === 0
            ? html`<${Empty} title="Nothing fires" hint="Rules are set under alerts.rules of the manifest; those in force are below." />`
            : html`<${Table} label="Alerts" columns=${columns} items=${alerts} keyOf=${({ id, state }: Alert) => `${id} ${state}`} /><${More} list=${list} />`}
      <//>
    <//>
    <${Notifications} query=${query} />
    <${AlertRulesPanel} />
  </div>`;
}

const isAlert = ({ type }: { type: string }): boolean => type.startsWith("alert") || type === "manifest.applied";

const ORDER = { firing: 0, pending: 2, resolved: 4 } as const;

/** What speaks before what is silenced. */
function rank({ state, silence }: Alert): number {
  return ORDER[state] + (silence === null ? 0 : 1);
}

function nameCell(alert: Alert): VNode {
  const href = subjectHref(alert);
  const about = subjectText(alert);
  return html`<span class="name">${alert.rule}</span><br />${href === null ? html`<span class="quiet">${about}</span>` : html`<a href=${href}>${about}</a>`}`;
}

function stateCell({ state, silence, resolved_at: at, cause }: Alert): VNode {
  return html`<${StateBadge} state=${state} />
    ${silence && html`<br /><${Badge} level="idle" text="silenced" /> <span class="quiet">by ${silence.by}, ends <${Time} at=${silence.until} /></span>`}
    ${at && html`<br /><span class="quiet">${(cause ?? "over").replaceAll("_", " ")}, <${Time} at=${at} /></span>`}`;
}
