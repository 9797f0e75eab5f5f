import { timeText } from "../core/event.record.ts";
import type { OutriggerEvent, StorageFailing } from "../core/events.ts";
import type { UpstreamHealth } from "../core/health.ts";
import { isSilenced } from "./alerts.ts";
import { byCalls } from "./overall.calls.ts";
import { type HealthReason, ofRoute, ofService } from "./overall.reason.ts";
import { type AdminServices, DeliveriesAway, isTrialDue, type SpoolInfo } from "./services.ts";

/**
 * Is all well? Judged anew with each request, from what the services know. `unhealthy`: the service itself fails, or
 * every app does; `degraded`: somebody should look. History and spool may be away: then that is said.
 */

export interface OverallHealth {
  readonly status: "healthy" | "degraded" | "unhealthy";
  /** The worst first, at most {@link MAX_REASONS} of `total`. */
  readonly reasons: readonly HealthReason[];
  readonly total: number;
}

const MAX_REASONS = 100;
/** Nothing says that a store is well again: what failed longer ago than this is over, or has failed again. */
const FAILING_MS = 5 * 60_000;

/** Remembers of each store the newest `storage.failing`: to be put on the bus, and asked by {@link judgeHealth}. */
export function createFailings(): { record(event: OutriggerEvent): void; since(wall: number): StorageFailing[] } {
  const newest = new Map<string, StorageFailing>();
  return {
    record(event) {
      if (event.type === "storage.failing") newest.set(event.store, event);
    },
    since: (wall) => [...newest.values()].filter(({ at }) => at >= wall),
  };
}

export async function judgeHealth(
  services: AdminServices,
  failings: ReturnType<typeof createFailings>,
): Promise<OverallHealth> {
  const since = services.clock.wall() - FAILING_MS;
  const spool = await surveyed(services);
  const found = [
    ...failings
      .since(since)
      .map(({ store, detail, at }) =>
        ofService("storage_failing", `The store ${store} failed at ${timeText(at)}: ${detail}.`),
      ),
    ...bySpool(spool),
    ...(await byCalls(services, deadByApp(spool))),
    ...byRedis(services),
    ...byManifest(services),
    ...byApps(services),
    ...byBreakers(services),
    ...byAlerts(services),
  ];
  const reasons = found.toSorted((a, b) => rankOf(a) - rankOf(b));
  const status = reasons.some(({ severity }) => severity === "unhealthy") ? "unhealthy" : "degraded";
  return {
    status: reasons.length === 0 ? "healthy" : status,
    reasons: reasons.slice(0, MAX_REASONS),
    total: reasons.length,
  };
}

/**
 * First what fails of the service itself, then apps that are dead, then what may only follow from those: also that few
 * calls of all succeed.
 */
function rankOf({ code, severity }: HealthReason): number {
  if (code === "app_unhealthy") return 1;
  if (severity === "degraded") return 3;
  return code === "low_success" ? 2 : 0;
}

/** Null while the spool does not answer. */
async function surveyed({ deliveries }: AdminServices): Promise<SpoolInfo | null> {
  try {
    return await deliveries.survey();
  } catch (error) {
    if (error instanceof DeliveriesAway) return null;
    throw error;
  }
}

function bySpool(spool: SpoolInfo | null): HealthReason[] {
  if (spool === null) return [ofService("spool_away", "The spool does not answer: jobs are refused.")];
  const { full, routes } = spool;
  const gone = routes.filter(({ parked }) => parked?.cause === "gone");
  return [
    ...(full === null ? [] : [ofService("spool_full", `The spool is full (max_${full}): new jobs are refused.`)]),
    ...gone.map(({ app, capability, queued }) => ({
      ...ofRoute("route_gone", app, capability),
      message: `The app answered 410 (gone) for ${app}/${capability} again and again: ${queued} jobs wait for an operator.`,
    })),
  ];
}

function deadByApp(spool: SpoolInfo | null): ReadonlyMap<string, number> | null {
  if (spool === null) return null;
  const dead = new Map<string, number>();
  for (const { app, dead: some } of spool.routes) dead.set(app, (dead.get(app) ?? 0) + some);
  return dead;
}

/** With the spool in it nothing can be accepted; else each replica goes on by what it knows itself. */
function byRedis(services: AdminServices): HealthReason[] {
  const { redis } = services.status();
  if (redis === null || redis.up) return [];
  const message = `Redis at ${redis.server} does not answer since ${timeText(redis.since)}: `;
  if (redis.spool) return [ofService("redis_away", `${message}the spool is in it, so jobs are refused.`)];
  const shared = redis.shared.join(", ") || "nothing";
  return [
    {
      code: "redis_away",
      severity: "degraded",
      app: null,
      capability: null,
      message: `${message}this replica goes by itself (shared otherwise: ${shared}).`,
    },
  ];
}

/** What is silenced somebody knows of. */
function byAlerts({ alerts, clock }: AdminServices): HealthReason[] {
  const now = clock.wall();
  const loud = alerts.list().filter((alert) => alert.phase === "firing" && !isSilenced(alert, now));
  return loud.map(({ rule, app, capability, since, summary, knownAt }) => ({
    code: "alert_firing",
    severity: "degraded",
    app,
    capability,
    // Between two checks it may have ended.
    message: `Alert ${rule} fires since ${timeText(since)}: ${summary} (checked at ${timeText(knownAt)}).`,
  }));
}

function byManifest({ manifest }: AdminServices): HealthReason[] {
  const rejection = manifest.rejection();
  if (rejection === null) return [];
  const { at, by, problems } = rejection;
  const message = `The manifest that ${by} brought at ${timeText(at)} was refused (${problems.length === 1 ? "1 problem" : `${problems.length} problems`}): the one before it is in force.`;
  return [{ code: "manifest_rejected", severity: "degraded", app: null, capability: null, message }];
}

function byApps({ failover }: AdminServices): HealthReason[] {
  const apps = failover.list();
  const unhealthy = apps.filter(({ status }) => status === "unhealthy");
  const severity = apps.length > 0 && unhealthy.length === apps.length ? "unhealthy" : "degraded";
  const degraded = apps.filter(({ status }) => status === "degraded");
  return [
    ...unhealthy.map(
      ({ app, upstreams }): HealthReason => ({
        code: "app_unhealthy",
        severity,
        app,
        capability: null,
        message: `App ${app} is unhealthy: none of its upstreams is usable.${failureText(upstreams)}`,
      }),
    ),
    ...degraded.map(
      ({ app, active }): HealthReason => ({
        code: "app_degraded",
        severity: "degraded",
        app,
        capability: null,
        message: `App ${app} is degraded: ${active === null ? "none of its upstreams has its traffic" : `upstream ${active} has its traffic`}.`,
      }),
    ),
  ];
}

/** Why calls fail says more than that they do. */
function failureText(upstreams: readonly UpstreamHealth[]): string {
  const [newest] = upstreams
    .flatMap(({ upstream, lastFailure }) => (lastFailure === null ? [] : [{ upstream, ...lastFailure }]))
    .sort((a, b) => b.at - a.at);
  if (newest === undefined) return "";
  const { upstream, at, reason, status, detail } = newest;
  const why = [reason ?? "failed", status === 0 ? null : `status ${status}`, detail].filter((part) => part !== null);
  return ` The last call that failed, at ${timeText(at)} on ${upstream}: ${why.join(", ")}.`;
}

/** One that is due for a trial keeps no call away. */
function byBreakers({ breakers, clock }: AdminServices): HealthReason[] {
  const wall = clock.wall();
  const open = breakers
    .list()
    .filter((one) => one.state === "open" && one.enabled && !one.dryRun && !isTrialDue(one, wall));
  return open.map(({ app, capability, upstream, since }) => ({
    ...ofRoute("breaker_open", app, capability),
    message: `The breaker of ${app}/${capability} on upstream ${upstream} is open since ${timeText(since)}.`,
  }));
}
