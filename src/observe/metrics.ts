import { setImmediate } from "node:timers/promises";
import { collectDefaultMetrics, Registry } from "prom-client";
import type { UpstreamMoved } from "../core/events.health.ts";
import type { BreakerMoved, FallbackUsed, Listener } from "../core/events.ts";
import type { Attempt, RouteRef } from "../core/exchange.ts";
import type { RouteName } from "../core/job.ts";
import { createDeliveryCounts, type DeliveryCounts } from "./metrics.deliveries.ts";
import { defineFamilies, defineGauges, type Families, type Gauges, type MetricSources } from "./metrics.families.ts";
import { type LabelValues, observe } from "./metrics.family.ts";
import { createNames, loses, type Names, NO_APP, type RouteNames } from "./metrics.names.ts";
import { createRouteSeries, type RouteSeries } from "./metrics.route.ts";

export interface Metrics {
  /** Takes every event of the bus. */
  readonly record: Listener;
  /** Counts a request refused before a route was known. `reason` comes from a closed list, never from the request. */
  refused(reason: string): void;
  /**
   * Drops the series of routes, upstreams and notification channels that the manifest no longer names, and takes no new ones: the labels
   * are those of the manifest, so their number is bounded by it. Call it with every manifest applied.
   */
  retain(routes: Iterable<RouteNames>, channels?: Iterable<string>): void;
  /** What became of a notification. */
  notified(channel: string, result: NotifyResult): void;
  /** The tries of a stored job: no request completes with them. */
  attempted(route: RouteRef, attempts: readonly Attempt[]): void;
  /** What a good answer proved to be. */
  verified(route: RouteName, result: "verified" | "failed" | "unverified"): void;
  /** A commit of the spool, and how many jobs were put in it. */
  committed(ms: number, jobs: number): void;
  /** One scrape in the Prometheus text format. */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const NOTIFY_RESULTS = ["sent", "failed", "dropped"] as const;
type NotifyResult = (typeof NOTIFY_RESULTS)[number];

/** `promtool check metrics` refuses these three: gauges named like counters. */
const REFUSED_DEFAULTS = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
] as const;

/** All metrics in a registry of their own, fed by the event bus and, at a scrape, by `sources`. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of REFUSED_DEFAULTS) registry.removeSingleMetric(name);
  const gauges = defineGauges(registry, sources);
  const families = defineFamilies();
  for (const result of ["applied", "rejected"]) families.reloads.child({ result });
  let names: Names | null = null;
  let series = new WeakMap<RouteRef, RouteSeries>();

  const seriesOf = (route: RouteRef): RouteSeries | null => {
    const own = series.get(route);
    if (own !== undefined) return own;
    const upstreams = names === null ? null : names.upstreams(route.app, route.capability);
    // A request that outlives its route: its series are gone, and must not come back for ever.
    if (upstreams === undefined) return null;
    const made = createRouteSeries(families, route, upstreams);
    series.set(route, made);
    return made;
  };
  const allow = (labels: LabelValues): boolean => names === null || names.allow(labels);
  const deliveries = createDeliveryCounts(families.deliveries, allow);
  return {
    record: createRecorder(families, gauges, seriesOf, deliveries, allow),
    refused: (reason) => families.rejected.child({ app: NO_APP, reason }).value++,
    retain(routes, channels = []) {
      const kept = createNames(routes, new Set(channels));
      const lost = names === null || loses(names, kept);
      names = kept;
      if (lost) {
        series = new WeakMap();
        deliveries.forget();
        for (const family of Object.values(families)) family.keep(kept.allow);
      }
      // From zero on, so that the first failure is a rise.
      for (const channel of kept.channels)
        for (const result of NOTIFY_RESULTS) families.notifications.child({ channel, result });
    },
    notified(channel, result) {
      if (names === null || names.channels.has(channel)) families.notifications.child({ channel, result }).value++;
    },
    attempted(route, attempts) {
      const own = seriesOf(route);
      for (const attempt of attempts) own?.attempted(attempt);
    },
    verified({ app, capability }, result) {
      const labels = { app, capability, result };
      if (names === null || names.allow(labels)) families.verifications.child(labels).value++;
    },
    committed: createCommits(families),
    scrape: async () => {
      // Asked first: they fill others, too.
      await registry.getSingleMetricAsString("outrigger_upstream_healthy");
      await registry.getSingleMetricAsString("outrigger_spool_jobs");
      return { contentType: registry.contentType, body: `${await registry.metrics()}${await printed(families)}` };
    },
  };
}

function createRecorder(
  families: Families,
  gauges: Gauges,
  seriesOf: (route: RouteRef) => RouteSeries | null,
  deliveries: DeliveryCounts,
  allow: (labels: LabelValues) => boolean,
): Listener {
  const fallback = ({ route: { app, capability }, strategy, reason }: FallbackUsed): void => {
    const labels = { app, capability, strategy, reason };
    if (allow(labels)) families.fallbacks.child(labels).value++;
  };
  const breaker = ({ app, capability, upstream, type }: BreakerMoved): void => {
    const labels = { app, capability, upstream, to: TRANSITION[type] };
    if (allow(labels)) families.transitions.child(labels).value++;
  };
  const moved = ({ type, app, from, to, reason, durationMs }: UpstreamMoved): void => {
    const labels = { app, from: from ?? "", to: to ?? "", reason };
    if (!allow(labels)) return;
    families.failovers.child(labels).value++;
    if (type === "failover") observe(failoverTime, durationMs / 1000);
  };
  const failoverTime = families.failoverTime.child({});
  const overhead = families.overhead.child({});
  const lag = families.lag.child({});
  return (event) => {
    switch (event.type) {
      case "request.completed":
        observe(overhead, event.overheadMs / 1000);
        return seriesOf(event.route)?.completed(event);
      case "fallback.used":
        return fallback(event);
      case "breaker.opened":
      case "breaker.half_open":
      case "breaker.closed":
        return breaker(event);
      case "failover":
      case "failback":
        return moved(event);
      case "delivery.queued":
        return deliveries.count(event, "queued");
      case "delivery.delivered":
        deliveries.count(event, "delivered");
        return observe(lag, event.lagMs / 1000);
      case "delivery.retry":
        return deliveries.count(event, "retry");
      case "dlq.added":
        return deliveries.count(event, "dead");
      case "manifest.applied":
        // The first manifest is a start, no reload.
        if (event.by !== "start") families.reloads.child({ result: "applied" }).value++;
        gauges.manifest.reset();
        return gauges.manifest.set({ revision: String(event.revision), hash: event.hash }, 1);
      case "manifest.rejected":
        families.reloads.child({ result: "rejected" }).value++;
        return;
      default:
        return;
    }
  };
}

function createCommits(families: Families): Metrics["committed"] {
  const commit = families.commit.child({});
  const batch = families.batch.child({});
  return (ms, jobs) => {
    observe(commit, ms / 1000);
    if (jobs > 0) observe(batch, jobs);
  };
}

const TRANSITION = {
  "breaker.opened": "open",
  "breaker.half_open": "half_open",
  "breaker.closed": "closed",
} as const satisfies Record<BreakerMoved["type"], string>;

/** Series printed before requests get their turn again: 10,000 routes are a third of a million lines. */
const SERIES_AT_ONCE = 500;

async function printed(families: Families): Promise<string> {
  const pieces: string[] = [];
  for (const family of Object.values(families)) {
    for (const piece of family.print()) if (pieces.push(piece) % SERIES_AT_ONCE === 0) await setImmediate();
  }
  return pieces.join("");
}
