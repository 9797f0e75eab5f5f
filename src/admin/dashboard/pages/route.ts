import type { VNode } from "preact";
import { type CallSeries, WINDOW_WORDS, windowOf } from "../core/calls.ts";
import { duration } from "../core/format.ts";
import { html } from "../core/html.ts";
import { aboutApp, useResource } from "../core/resource.ts";
import { apiPath, place, to, toWith } from "../core/router.ts";
import type { RouteInfo } from "../core/routes.ts";
import { useStatus } from "../core/status.ts";
import { useStore } from "../core/store.ts";
import { CallChart, LatencyChart } from "../parts/calls.chart.ts";
import { statFacts, WindowChoice } from "../parts/calls.ts";
import type { Part } from "../parts/more.ts";
import { Facts, Loaded, Panel } from "../parts/panel.ts";
import { Held, heldOf, PauseActions } from "./app.acts.ts";
import { Breakers } from "./route.breakers.ts";
import { Failures } from "./route.failures.ts";
import { Origins } from "./route.origins.ts";

/** One route: how its calls go, its breakers, and what failed. */
export function RoutePage({ app, capability }: { app: string; capability: string }): VNode {
  const window = windowOf(useStore(place).query);
  const calls = useResource<CallSeries>(`${apiPath("webhook-metrics", app, capability)}?window=${window}`);
  const routes = useResource<Part<RouteInfo>>(`/routes?app=${encodeURIComponent(app)}&limit=1000`, aboutApp(app));
  const route = routes.data?.items.find((one) => one.capability === capability);
  const status = useStatus();
  const held = heldOf(status.data?.spool ?? null, app, capability);
  const path = apiPath("routes", app, capability);
  return html`<div class="page">
    <div class="head">
      <p class="crumbs"><a href="#/">Overview</a> / <a href=${to("apps", app)}>${app}</a> / route</p>
      <h1 tabindex="-1">${capability}</h1>
      ${route && html`<span class="tag">${route.mode}</span>`}
      <div class="actions">
        <a class="button" href=${toWith(["deliveries"], { app, capability })}>Its deliveries</a>
        <${PauseActions} name=${`${app}/${capability}`} path=${path} what=${`${app}/${capability}`} held=${held.length > 0} reload=${status.reload} />
      </div>
    </div>
    <${Held} routes=${held} />
    <${Breakers} app=${app} capability=${capability} />
    <${Panel} title="Calls" note=${WINDOW_WORDS[window]} actions=${html`<${WindowChoice} />`}>
      <${Loaded} of=${calls} what="history of calls" rows=${8}>
        ${(data: CallSeries) => html`<${Facts} facts=${statFacts(data.total)} />
          <div class="two">
            <div><h3 class="over">Calls</h3><${CallChart} calls=${data} /></div>
            <div><h3 class="over">Duration</h3><${LatencyChart} calls=${data} /></div>
          </div>`}
      <//>
    <//>
    <${Failures} app=${app} capability=${capability} />
    <${Panel} title="Settings">
      <${Loaded} of=${routes} what="list of routes">
        ${() => (route ? html`<${Settings} route=${route} />` : html`<p class="empty">The manifest has no such route any more.</p>`)}
      <//>
    <//>
  </div>`;
}

function Settings({ route }: { route: RouteInfo }): VNode {
  const { match, timeout_ms: timeout, attempts, fallback, upstreams } = route;
  return html`<${Facts} facts=${[
    ["Path", html`<code>${match.path}</code>`],
    ["Methods", match.methods?.join(", ") ?? "any"],
    ["Deadline", duration(timeout)],
    ["Attempts", String(attempts)],
    ["Fallback", fallback.length === 0 ? "none" : fallback.join(", then ")],
    ["Upstreams", upstreams.map(({ name }) => name).join(", ")],
  ]} />
  <${Origins} route=${route} />`;
}
