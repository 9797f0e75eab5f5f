import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { CallLine, CallOverview } from "../core/calls.ts";
import { count } from "../core/format.ts";
import type { AppHealth } from "../core/health.ts";
import { html } from "../core/html.ts";
import { useResource } from "../core/resource.ts";
import { go, to } from "../core/router.ts";
import type { Spool } from "../core/status.ts";
import { callColumns } from "../parts/calls.ts";
import { type Listed, More } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { StateBadge } from "../parts/status.ts";
import { type Column, Table } from "../parts/table.ts";

/** Every app in a line: how it is, how it was in the last hour, and who answers for it. */
export function AppsTable({ list, spool }: { list: Listed<AppHealth>; spool: Spool | null }): VNode {
  // As many lines as apps are shown: both lists are by name.
  const calls = useResource<CallOverview>(
    `/webhook-metrics?by=app&window=1h&step=5m&limit=${Math.max(50, list.items.length)}`,
  );
  const lines = new Map((calls.data?.lines?.items ?? []).map((line) => [line.app, line]));
  const [wanted, setWanted] = useState("");
  const shown = list.items.filter(({ app }) => app.toLowerCase().includes(wanted.toLowerCase()));
  const find = (event: SubmitEvent): void => {
    event.preventDefault();
    // Also one that is not in the part shown.
    if (wanted !== "") go(to("apps", shown.length === 1 ? (shown[0]?.app ?? wanted) : wanted));
  };
  const search = html`<form role="search" onSubmit=${find}>
    <label class="hidden" for="find-app">Find an app</label>
    <input id="find-app" type="search" placeholder="Find an app" value=${wanted}
      onInput=${(event: InputEvent) => setWanted((event.target as HTMLInputElement).value.trim())} />
  </form>`;
  return html`<${Panel} title="Apps" actions=${search}>
    <${Loaded} of=${list.first} what="list of apps">
      ${() =>
        list.items.length === 0
          ? html`<${Empty} title="No apps yet" hint="The manifest names none. Add one and let Outrigger prove it:" command="outrigger check config/outrigger.yaml" />`
          : html`<${Table} label="Apps" columns=${columnsOf(spool, lines)} items=${shown} keyOf=${({ app }: AppHealth) => app} />
              <${More} list=${list}>
                ${shown.length === 0 && html`<span class="quiet">None of those shown is called so; Enter looks for it.</span>`}
              <//>`}
    <//>
  <//>`;
}

function columnsOf(spool: Spool | null, lines: ReadonlyMap<string, CallLine>): Column<AppHealth>[] {
  const dead = (app: string): number =>
    (spool?.waiting ?? []).filter((route) => route.app === app).reduce((sum, route) => sum + route.dead, 0);
  return [
    { name: "App", cell: ({ app }) => html`<a class="name" href=${to("apps", app)}>${app}</a>` },
    { name: "Status", cell: ({ status }) => html`<${StateBadge} state=${status} />` },
    {
      name: "Served by",
      cell: ({ active, pinned }) =>
        html`${active ?? html`<span class="bad">nobody</span>`}${pinned && html` <span class="tag">pinned</span>`}`,
    },
    ...callColumns<AppHealth>(({ app }) => lines.get(app)),
    { name: "Dead letters", number: true, cell: ({ app }) => deadLink(app, dead(app)) },
  ];
}

function deadLink(app: string, dead: number): VNode {
  if (dead === 0) return html`<span class="quiet">0</span>`;
  return html`<a href=${`#/dlq?app=${encodeURIComponent(app)}`}>${count(dead)}</a>`;
}
