import type { VNode } from "preact";
import { type Alert, firingOf } from "../core/alerts.ts";
import { amount, bytes, count, duration } from "../core/format.ts";
import type { AppHealth, RouteBreakers } from "../core/health.ts";
import { html } from "../core/html.ts";
import { type Incident, incidentsOf } from "../core/incidents.ts";
import { furtherOf, type Overall } from "../core/overall.ts";
import { useResource } from "../core/resource.ts";
import { type Status, useStatus } from "../core/status.ts";
import { type Part, useList } from "../parts/more.ts";
import { Facts, Loaded, Panel } from "../parts/panel.ts";
import { Shape } from "../parts/status.ts";
import { Time } from "../parts/time.ts";
import { AppsTable } from "./overview.apps.ts";

/** What is wrong, and what to press: the first thing somebody sees who was woken up. */
export function Overview(): VNode {
  const status = useStatus();
  const ill = useResource<Part<AppHealth>>("/health/apps?status=unhealthy&limit=20", isHealth);
  const degraded = useResource<Part<AppHealth>>("/health/apps?status=degraded&limit=20", isHealth);
  const breakers = useResource<Part<RouteBreakers>>("/circuit-breaker/status?state=open&limit=20", isBreaker);
  const apps = useList<AppHealth>("/health/apps?limit=50", isHealth);
  const overall = useResource<Overall>("/webhook-health", isAny);
  const alerts = useResource<Part<Alert>>("/alerts?state=firing&limit=50", isAlert);
  const incidents = incidentsOf({
    status: status.data,
    apps: [...(ill.data?.items ?? []), ...(degraded.data?.items ?? [])],
    breakers: breakers.data?.items ?? [],
    further: [...(overall.data ? furtherOf(overall.data) : []), ...firingOf(alerts.data?.items ?? [])],
  });
  // Nothing is drawn piece by piece: what moves under the pointer is clicked by mistake.
  const known = [status, ill, degraded, breakers, overall, alerts, apps.first].every(
    ({ data, failure }) => data !== null || failure !== null,
  );
  return html`<div class="page">
    <h1 tabindex="-1" class="hidden">Overview</h1>
    <${Verdict} status=${status.data} overall=${overall.data} incidents=${incidents} known=${known} at=${status.at} />
    ${known && incidents.length > 0 && html`<${Incidents} incidents=${incidents} />`}
    ${known && html`<${AppsTable} list=${apps} spool=${status.data?.spool ?? null} />`}
    <${Loaded} of=${status} what="status" rows=${1}>${(data: Status) => html`<${Numbers} status=${data} />`}<//>
  </div>`;
}

const isHealth = ({ type }: { type: string }): boolean => /^(fail|upstream|manifest)/.test(type);
const isAlert = ({ type }: { type: string }): boolean => type.startsWith("alert");
const isAny = (): boolean => true;
const isBreaker = ({ type }: { type: string }): boolean => /^(breaker|manifest)/.test(type);

function Verdict(props: {
  status: Status | null;
  overall: Overall | null;
  incidents: readonly Incident[];
  known: boolean;
  at: number | null;
}): VNode {
  const { status, overall, incidents, known, at } = props;
  const [level, title] = known ? verdictOf(overall, incidents) : (["idle", "Looking…"] as const);
  const apps = status?.apps;
  const sum = apps
    ? `${amount(apps.healthy + apps.degraded + apps.unhealthy + apps.unknown, "app", "apps")}, ${amount(status.routes, "route", "routes")}.`
    : "";
  // The worst: one dead app of several makes the whole no worse than degraded, and is the news all the same.
  const first = incidents[0];
  const well = `Nothing wants you. ${sum}`;
  return html`<div class=${`verdict ${level}`} role="status">
    <${Shape} level=${level} />
    <div>
      <p class="verdict-title">${title}</p>
      <p>${known && (level === "good" || first === undefined ? well : `${first.title}: ${first.detail}`)}</p>
    </div>
    <p class="quiet">${at !== null && html`Updated <${Time} at=${at} />`}</p>
  </div>`;
}

const WORST = { healthy: 0, degraded: 1, unhealthy: 2 } as const;
const VERDICTS = [
  ["good", "Healthy"],
  ["warn", "Degraded"],
  ["bad", "Unhealthy"],
] as const;

/** What the service says of itself, or worse, where the page sees worse. */
function verdictOf(overall: Overall | null, incidents: readonly Incident[]): (typeof VERDICTS)[number] {
  const seen = incidents.some(({ level }) => level === "bad" || level === "warn") ? 1 : 0;
  const ownSight = incidents.some(({ level }) => level === "bad") && overall === null ? 2 : seen;
  return VERDICTS[Math.max(WORST[overall?.status ?? "healthy"], ownSight) as 0 | 1 | 2];
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
