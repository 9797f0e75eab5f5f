import type { ComponentChildren, VNode } from "preact";
import { post } from "../core/api.ts";
import { count } from "../core/format.ts";
import { type Breaker, NOBODY_CALLED, type RouteBreakers } from "../core/health.ts";
import { html } from "../core/html.ts";
import { aboutApp, useResource } from "../core/resource.ts";
import { apiPath } from "../core/router.ts";
import { Act, askFirst } from "../parts/ask.ts";
import { Loaded, Panel } from "../parts/panel.ts";
import { StateBadge } from "../parts/status.ts";
import { type Column, Table } from "../parts/table.ts";
import { Time } from "../parts/time.ts";

const TRIP_MS = 10 * 60_000;

const COLUMNS: readonly Column<Breaker>[] = [
  { name: "Upstream", cell: ({ upstream }) => html`<span class="name">${upstream}</span>` },
  { name: "Breaker", cell: stateCell },
  { name: "Since", cell: ({ since }) => html`<${Time} at=${since} />` },
  {
    name: "Next trial",
    cell: ({ until, trial_due: due }) => (due ? "with the next call" : html`<${Time} at=${until} />`),
  },
  { name: "Failures in a row", number: true, cell: (one) => count(one.consecutive_failures) },
  {
    name: "Failed in the window",
    number: true,
    wide: true,
    cell: (one) => `${count(one.window_failures)} of ${count(one.window_total)}`,
  },
];

function stateCell({ state, dry_run: dry, enabled }: Breaker): ComponentChildren {
  if (!enabled) return html`<span class="tag">off</span>`;
  return html`<${StateBadge} state=${state} />${dry && html` <span class="tag">dry run</span>`}`;
}

/** The breakers of a route, one for each upstream; reset and trip act on all of them. */
export function Breakers({ app, capability }: { app: string; capability: string }): VNode {
  const path = apiPath("circuit-breaker", app, capability);
  const breakers = useResource<RouteBreakers>(path, aboutApp(app, capability));
  const name = `${app}/${capability}`;
  const reset = (): void =>
    askFirst({
      title: `Reset the breakers of ${name}?`,
      body: html`<p>They close on all upstreams and forget their counts: the app is called again at once. If it still fails, they open again.</p>`,
      action: "Reset",
      run: () => post(`${path}/reset`),
      done: `The breakers of ${name} are closed.`,
      after: breakers.reload,
    });
  const trip = (): void =>
    askFirst({
      title: `Trip the breakers of ${name}?`,
      body: html`<p>Nobody is called on this route for 10 minutes: ${NOBODY_CALLED}. Reset ends it sooner.</p>`,
      action: "Trip for 10 minutes",
      danger: true,
      run: () => post(`${path}/trip`, { for_ms: TRIP_MS }),
      done: `The breakers of ${name} are open for 10 minutes.`,
      after: breakers.reload,
    });
  // One that is switched off can't be opened.
  const on = breakers.data?.upstreams.some(({ enabled }) => enabled) ?? false;
  const actions =
    on &&
    html`<${Act} label="Reset" name=${`Reset the breakers of ${name}`} onClick=${reset} />
    <${Act} label="Trip" name=${`Trip the breakers of ${name}`} danger onClick=${trip} />`;
  return html`<${Panel} title="Circuit breaker" actions=${actions}>
    <${Loaded} of=${breakers} what="breaker of this route" rows=${2}>
      ${({ upstreams }: RouteBreakers) =>
        html`<${Table} label="Circuit breaker" columns=${COLUMNS} items=${upstreams} keyOf=${(one: Breaker) => one.upstream} />`}
    <//>
  <//>`;
}
