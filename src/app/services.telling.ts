import type { EventBus } from "../core/events.ts";
import { UNROUTED } from "../core/exchange.ts";
import type { HistorySettings } from "../core/settings.service.ts";
import type { Notifier } from "../notify/notifier.ts";
import { type CallHistory, createCallHistory } from "../observe/calls.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { createVerificationTally, type VerificationTally } from "../observe/verifications.ts";
import type { Breakers } from "../policy/breaker.ts";
import type { Alerting } from "./alerts.ts";
import type { Apps } from "./apps.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Failovers } from "./failovers.ts";
import { openNotifier } from "./notify.ts";
import type { AppOptions } from "./options.ts";
import type { SpoolOutbox } from "./outbox.ts";
import type { RedisService } from "./redis.ts";
import type { Ground } from "./services.ground.ts";
import { appsOnly } from "./survey.ts";

/** Who tells of what happens: in numbers, in messages, in history. */
export interface Telling {
  readonly metrics: Metrics;
  readonly notifier: Notifier;
  readonly outbox: SpoolOutbox;
  readonly verifications: VerificationTally;
  readonly calls: CallHistory;
}

/** What they ask when they are asked. Those that are functions are opened later. */
export interface TellingParts {
  readonly options: AppOptions;
  readonly settings: HistorySettings;
  readonly apps: Pick<Apps, "inFlight">;
  readonly breakers: Pick<Breakers, "list">;
  readonly redis: RedisService | null;
  readonly failovers: () => Pick<Failovers, "list">;
  readonly deliveries: () => Pick<Deliveries, "spool" | "putOwn">;
  readonly alerts: () => Pick<Alerting, "firing">;
}

export function openTelling(
  { log, storage: { history }, egress }: Ground,
  { options, settings, apps, breakers, redis, ...later }: TellingParts,
  started: AsyncDisposableStack,
): Telling {
  const { clock } = options;
  const metrics = createMetrics({
    build: options.build,
    breakers: () => breakers.list(clock.now()),
    inFlight: apps.inFlight,
    apps: () => later.failovers().list(),
    spool: () => appsOnly(later.deliveries().spool.survey()),
    alerts: () => later.alerts().firing(),
    redis: () => redis?.status() ?? null,
  });
  const { notifier, outbox } = openNotifier(options, { log, metrics, history, deliveries: later.deliveries, egress });
  // Stops after what makes events, so that it hears of them.
  started.use(notifier);
  const verifications = createVerificationTally({
    clock,
    write: history.addVerifications,
    read: history.verificationsSince,
  });
  started.defer(() => verifications.stop());
  const calls = createCallHistory({ ...options, store: history.calls, settings });
  started.defer(() => calls.stop());
  return { metrics, notifier, outbox, verifications, calls };
}

/** From here on they hear of events. */
export function listen(bus: EventBus, { metrics, calls, notifier }: Telling): void {
  bus.on(metrics.record);
  bus.on(calls.record);
  // What another replica did, that one tells of.
  bus.on((event) => ("peer" in event && event.peer === true ? undefined : notifier.record(event)));
  bus.on((event) => {
    if (event.type === "request.completed" && event.route === UNROUTED)
      metrics.refused(event.reason ?? refusedFor(event.status));
  });
}

/** Why a request met no route: a closed list, since what a stranger sends must not become a label. */
function refusedFor(status: number): string {
  return status === 404 ? "no_route" : status === 405 ? "method" : "malformed";
}
