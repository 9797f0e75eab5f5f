import type { VNode } from "preact";
import { amount, bytes, count, duration } from "../core/format.ts";
import type { AppHealth, RouteBreakers } from "../core/health.ts";
import { html } from "../core/html.ts";
import { type Incident, incidentsOf } from "../core/incidents.ts";
import { useResource } from "../core/resource.ts";
import { type Status, useStatus } from "../core/status.ts";
import { type Part, useList } from "../parts/more.ts";
import { Facts, Loaded, Panel } from "../parts/panel.ts";
import { type Level, Shape } from "../parts/status.ts";
import { Time } from "../parts/time.ts";
import { AppsTable } from "./overview.apps.ts";

/** What is wrong, and what to press: the first thing somebody sees who was woken up. */
export function Overview(): VNode {
  const status = useStatus();
  const ill = useResource<Part<AppHealth>>("/health/apps?status=unhealthy&limit=20", isHealth);
  const degraded = useResource<Part<AppHealth>>("/health/apps?status=degraded&limit=20", isHealth);
  const breakers = useResource<Part<RouteBreakers>>("/circuit-breaker/status?state=open&limit=20", isBreaker);
  const apps = useList<AppHealth>("/health/apps?limit=50", isHealth);
  const incidents = incidentsOf(
    status.data,
    [...(ill.data?.items ?? []), ...(degraded.data?.items ?? [])],
    breakers.data?.items ?? [],
  );
  const known = status.data !== null && ill.data !== null && degraded.data !== null && breakers.data !== null;
  return html`<div class="page">
    <h1 tabindex="-1" class="hidden">Overview</h1>
    <${Verdict} status=${status.data} incidents=${incidents} known=${known} at=${status.at} />
    ${incidents.length > 0 && html`<${Incidents} incidents=${incidents} />`}
    <${AppsTable} list=${apps} spool=${status.data?.spool ?? null} />
    <${Loaded} of=${status} what="status" rows=${1}>${(data: Status) => html`<${Numbers} status=${data} />`}<//>
  </div>`;
}

const isHealth = ({ type }: { type: string }): boolean => /^(fail|upstream|manifest)/.test(type);
const isBreaker = ({ type }: { type: string }): boolean => /^(breaker|manifest)/.test(type);

function Verdict(props: {
  status: Status | null;
  incidents: readonly Incident[];
  known: boolean;
  at: number | null;
}): VNode {
  const { status, incidents, known, at } = props;
  const [level, title] = verdictOf(incidents, known);
  const apps = status?.apps;
  const sum = apps
    ? `${amount(apps.healthy + apps.degraded + apps.unhealthy + apps.unknown, "app", "apps")}, ${amount(status.routes, "route", "routes")}`
    : "";
  return html`<div class=${`verdict ${level}`} role="status">
    <${Shape} level=${level} />
    <div>
      <p class="verdict-title">${title}</p>
      <p>${incidents[0] ? html`${incidents[0].title}: ${incidents[0].detail}` : known ? `Nothing wants you. ${sum} are well.` : ""}</p>
    </div>
    <p class="quiet">${at !== null && html`Updated <${Time} at=${at} />`}</p>
  </div>`;
}

function verdictOf(incidents: readonly Incident[], known: boolean): [Level, string] {
  if (!known && incidents.length === 0) return ["idle", "Looking…"];
  const bad = incidents.some(({ level }) => level === "bad");
  if (bad) return ["bad", "Unhealthy"];
  return incidents.length > 0 ? ["warn", "Degraded"] : ["good", "Healthy"];
}

function Incidents({ incidents }: { incidents: readonly Incident[] }): VNode {
  return html`<${Panel} title="Wants attention" note=${count(incidents.length)}>
    <ul class="incidents">
      ${incidents.map(
        ({ key, level, title, detail, since, href, act }) => html`<li key=${key} class=${level}>
          <${Shape} level=${level} />
          <div>
            <p><strong>${title}</strong> ${since && html`<span class="quiet">since <${Time} at=${since} /></span>`}</p>
            <p>${detail}</p>
          </div>
          ${act && html`<a class="button" href=${href} aria-label=${`${act}: ${title}`}>${act}</a>`}
        </li>`,
      )}
    </ul>
  <//>`;
}

function Numbers({ status }: { status: Status }): VNode {
  const { spool } = status;
  const flying = Object.values(status.in_flight).reduce((sum, n) => sum + n, 0);
  const stored = spool
    ? ([
        ["Waiting", count(spool.states.queued)],
        ["Being sent", count(spool.states.leased)],
        ["Being verified", count(spool.states.verifying)],
        ["Oldest waiting", duration(spool.oldest_age_ms)],
        ["Dead letters", count(spool.states.dead)],
        ["Spool", `${bytes(spool.bytes)} of ${bytes(spool.max_bytes)}`],
      ] as const)
    : [];
  return html`<${Panel} title="Now" note=${html`Version ${status.version}, up since <${Time} at=${status.started_at} />`}>
    <${Facts} facts=${[
      ["In flight", count(flying)],
      [
        "Breakers open",
        `${count(status.breakers.open)} of ${count(status.breakers.open + status.breakers.half_open + status.breakers.closed)}`,
      ],
      ...stored,
      ["Manifest", html`revision ${status.manifest.revision}, <${Time} at=${status.manifest.applied_at} />`],
      ["Callers use", html`<code>${status.listen.proxy}</code>`],
    ]} />
  <//>`;
}
