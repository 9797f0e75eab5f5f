import type { VNode } from "preact";
import type { CallLine } from "../core/calls.ts";
import { count } from "../core/format.ts";
import { html } from "../core/html.ts";
import { aboutApp } from "../core/resource.ts";
import { to, toWith } from "../core/router.ts";
import type { RouteInfo } from "../core/routes.ts";
import { breakerOf } from "../core/routes.ts";
import type { Spool } from "../core/status.ts";
import { callColumns } from "../parts/calls.ts";
import { More, useList } from "../parts/more.ts";
import { Empty, Loaded, Panel } from "../parts/panel.ts";
import { StateBadge } from "../parts/status.ts";
import { type Column, Table } from "../parts/table.ts";

/** The routes of an app, each in a line. */
export function AppRoutes(props: {
  app: string;
  lines: ReadonlyMap<string | null, CallLine>;
  spool: Spool | null;
}): VNode {
  const { app, lines, spool } = props;
  const list = useList<RouteInfo>(`/routes?app=${encodeURIComponent(app)}&limit=100`, aboutApp(app));
  const dead = (capability: string): number =>
    spool?.waiting.find((route) => route.app === app && route.capability === capability)?.dead ?? 0;
  const columns: Column<RouteInfo>[] = [
    {
      name: "Route",
      cell: ({ capability, match }) =>
        html`<a class="name" href=${to("routes", app, capability)}>${capability}</a><br /><code class="quiet">${match.path}</code>`,
    },
    { name: "Mode", wide: true, cell: ({ mode }) => mode },
    { name: "Breaker", cell: (route) => html`<${StateBadge} state=${breakerOf(route)} />` },
    ...callColumns<RouteInfo>(({ capability }) => lines.get(capability)),
    {
      name: "Dead letters",
      number: true,
      cell: ({ capability }) =>
        dead(capability) === 0
          ? html`<span class="quiet">0</span>`
          : html`<a href=${toWith(["dlq"], { app, capability })}>${count(dead(capability))}</a>`,
    },
  ];
  return html`<${Panel} title="Routes">
    <${Loaded} of=${list.first} what="list of routes">
      ${() =>
        list.items.length === 0
          ? html`<${Empty} title="No routes" hint="The manifest gives this app no webhooks." />`
          : html`<${Table} label="Routes" columns=${columns} items=${list.items} keyOf=${(route: RouteInfo) => route.capability} /><${More} list=${list} />`}
    <//>
  <//>`;
}
