import type { VNode } from "preact";
import { type CallLine, type CallOverview, WINDOW_WORDS, windowOf } from "../core/calls.ts";
import type { AppHealth } from "../core/health.ts";
import { html } from "../core/html.ts";
import { aboutApp, useResource } from "../core/resource.ts";
import { apiPath, place } from "../core/router.ts";
import { useStatus } from "../core/status.ts";
import { useStore } from "../core/store.ts";
import { CallChart } from "../parts/calls.chart.ts";
import { statFacts, WindowChoice } from "../parts/calls.ts";
import { Facts, Failed, Loaded, Panel } from "../parts/panel.ts";
import { StateBadge } from "../parts/status.ts";
import { AppActions, Held, heldOf } from "./app.acts.ts";
import { AppMoves } from "./app.moves.ts";
import { AppRoutes } from "./app.routes.ts";
import { Upstreams } from "./app.upstreams.ts";

/** One app: how it is, who answers for it, and moving its traffic. */
export function AppPage({ app }: { app: string }): VNode {
  const window = windowOf(useStore(place).query);
  const health = useResource<AppHealth>(apiPath("health", "apps", app), aboutApp(app));
  const calls = useResource<CallOverview>(`${apiPath("webhook-metrics", app)}?by=route&limit=200&window=${window}`);
  const status = useStatus();
  if (health.data === null && health.failure?.status === 404)
    return html`<div class="page"><h1 tabindex="-1">${app}</h1><${Failed} failure=${health.failure} what="app of this name" /></div>`;
  const spool = status.data?.spool ?? null;
  const lines = new Map((calls.data?.lines?.items ?? []).map((line: CallLine) => [line.capability, line]));
  return html`<div class="page">
    <div class="head">
      <p class="crumbs"><a href="#/">Overview</a> / app</p>
      <h1 tabindex="-1">${app}</h1>
      ${health.data && html`<${StateBadge} state=${health.data.status} />`}
      <div class="actions"><${AppActions} app=${app} status=${status} /></div>
    </div>
    <${Held} routes=${heldOf(spool, app)} />
    <${Loaded} of=${health} what="health of this app" rows=${4}>
      ${(data: AppHealth) => html`<${Upstreams} health=${data} reload=${health.reload} />`}
    <//>
    <${Panel} title="Calls" note=${WINDOW_WORDS[window]} actions=${html`<${WindowChoice} />`}>
      <${Loaded} of=${calls} what="history of calls" rows=${6}>
        ${(data: CallOverview) => html`<${Facts} facts=${statFacts(data.total)} /><${CallChart} calls=${data} />`}
      <//>
    <//>
    <${AppRoutes} app=${app} lines=${lines} spool=${spool} />
    <${AppMoves} app=${app} />
  </div>`;
}
