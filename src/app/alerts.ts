import { type AlertService, openAlerts } from "../alerts/alerts.ts";
import type { AlertSources } from "../alerts/port.ts";
import type { AlertMetric } from "../core/alert.ts";
import type { Clock } from "../core/clock.ts";
import type { EventBus, EventType } from "../core/events.ts";
import type { Manifest } from "../core/settings.ts";
import { readAlertRules } from "../manifest/prove.alerts.ts";
import type { CallHistory } from "../observe/calls.ts";
import type { Log } from "../observe/log.ts";
import type { Breakers } from "../policy/breaker.ts";
import type { History } from "../storage/storage.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Failovers } from "./failovers.ts";
import { appsOnly, deadOf, waitingOf } from "./survey.ts";

/** Alerts, with what they measure taken from the other services. */
export interface Alerting extends Omit<AlertService, "apply"> {
  /** The manifest in force. */
  apply(manifest: Manifest): void;
}

export interface AlertingDeps {
  readonly clock: Clock;
  readonly bus: EventBus;
  readonly log: Pick<Log, "warn">;
  readonly history: Pick<History, "alerts" | "moves" | "verificationsSince">;
  readonly breakers: Pick<Breakers, "list">;
  readonly failovers: Pick<Failovers, "list">;
  readonly deliveries: Pick<Deliveries, "spool">;
  readonly calls: Pick<CallHistory, "totalsByRoute">;
}

export async function openAlerting(deps: AlertingDeps): Promise<Alerting> {
  const { clock, bus, log, history } = deps;
  let manifest: Manifest | null = null;
  const alerts = await openAlerts({
    clock,
    emit: bus.emit,
    store: history.alerts,
    sources: sourcesOf(deps, () => manifest),
    readRules(written) {
      // The manifest may have lost an app that they name since: then they are about nothing, and good all the same.
      const { rules, issues } = readAlertRules(parsed(written), null);
      return issues.length === 0 ? rules : null;
    },
    warn: (message) => log.warn({}, message),
  });
  const off = bus.on(({ type }) => {
    const metric = HEALED[type];
    if (metric === undefined) return;
    if (alerts.list().some((alert) => alert.phase === "firing" && alert.metric === metric)) alerts.checkSoon(metric);
  });
  return {
    ...alerts,
    apply(given) {
      manifest = given;
      alerts.apply(given.alerts);
    },
    async [Symbol.asyncDispose]() {
      off();
      await alerts[Symbol.asyncDispose]();
    },
  };
}

/** With these something is well again: what fires about it ends then, and not when the next check is due. */
const HEALED: Readonly<Partial<Record<EventType, AlertMetric>>> = {
  "upstream.up": "health_failures",
  "breaker.closed": "breaker_open",
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const HOUR_MS = 3_600_000;
const MOVES_AT_ONCE = 1000;
/** More moves than this within the time of a rule are trouble enough. */
const MAX_MOVES = 10_000;

function sourcesOf(deps: AlertingDeps, manifest: () => Manifest | null): AlertSources {
  const { clock, history, breakers, failovers, deliveries, calls } = deps;
  return {
    routes: () => (manifest()?.routes ?? []).map(({ app, capability }) => ({ app: app.name, capability })),
    apps: () => failovers.list(),
    breakers: () => breakers.list(clock.now()),
    async spool() {
      const { oldestAgeMs, routes } = await appsOnly(deliveries.spool.survey());
      return {
        oldestAgeMs,
        routes: routes.map((route) => ({
          app: route.app,
          capability: route.capability,
          waiting: waitingOf(route),
          dead: deadOf(route),
        })),
      };
    },
    moves: (fromMs) => movesSince(history, fromMs),
    async verifications(fromMs) {
      const [found = []] = await history.verificationsSince([Math.floor(fromMs / HOUR_MS)]);
      return found;
    },
    async calls(fromMs, toMs) {
      const found = await calls.totalsByRoute({ fromMs, toMs });
      const percent = (rate: number | null): number | null => (rate === null ? null : rate * 100);
      return found.map(({ app, capability, stats: { judged, successRate, timeoutRate, p50, p95, p99 } }) => ({
        app,
        capability,
        samples: judged,
        successRate: percent(successRate),
        timeoutRate: percent(timeoutRate),
        p50,
        p95,
        p99,
      }));
    },
  };
}

/** What an operator or a new manifest moves is no trouble. */
async function movesSince(history: Pick<History, "moves">, fromMs: number) {
  const found: { readonly app: string; readonly note: string }[] = [];
  let cursor: number | null = null;
  for (let read = 0; read < MAX_MOVES; read += MOVES_AT_ONCE) {
    const page: Awaited<ReturnType<History["moves"]>> = await history.moves({
      limit: MOVES_AT_ONCE,
      cursor,
      app: null,
    });
    for (const { app, kind, from, to, reason, at } of page.items) {
      if (at < fromMs) return found;
      if (kind !== "failover" || reason === "operator" || reason === "manifest") continue;
      found.push({ app, note: `from ${from ?? "nowhere"} to ${to ?? "nowhere"} (${reason})` });
    }
    cursor = page.next;
    if (cursor === null) break;
  }
  return found;
}
