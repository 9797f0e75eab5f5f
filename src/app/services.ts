import { compileEgress } from "../core/egress.ts";
import { createEventBus, type EventBus } from "../core/events.ts";
import { UNROUTED } from "../core/exchange.ts";
import { createMemoryLedger } from "../core/memory.ts";
import type { Notifier } from "../notify/notifier.ts";
import { type CallHistory, createCallHistory } from "../observe/calls.ts";
import { createLog, type Log } from "../observe/log.ts";
import { createMetrics, type Metrics } from "../observe/metrics.ts";
import { createVerificationTally, type VerificationTally } from "../observe/verifications.ts";
import { type Breakers, createBreakers } from "../policy/breaker.ts";
import { createLastGoodStore } from "../policy/fallback/last_good.store.ts";
import { createIdempotencyKeys } from "../policy/idempotency.keys.ts";
import type { CallShared } from "../proxy/call.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { type Alerting, openAlerting } from "./alerts.ts";
import { createApps } from "./apps.ts";
import { type Deliveries, openDeliveries } from "./deliveries.ts";
import { type Failovers, openFailovers } from "./failovers.ts";
import { warnOfFewFiles } from "./files.ts";
import { type Manifests, startManifests } from "./manifests.ts";
import { openNotifier } from "./notify.ts";
import type { AppOptions, StartOptions } from "./options.ts";
import { openRedis } from "./redis.lazy.ts";
import type { RedisService } from "./redis.ts";
import { keepRevision } from "./revisions.ts";
import { appsOnly } from "./survey.ts";
import type { Unpacked } from "./unpack.ts";
import { createUpstreams } from "./upstreams.ts";

/** What the listeners stand on. */
export interface Services {
  readonly options: AppOptions;
  readonly bus: EventBus;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly storage: Storage;
  readonly breakers: Breakers;
  readonly failovers: Failovers;
  readonly manifests: Manifests;
  readonly deliveries: Deliveries;
  readonly verifications: VerificationTally;
  readonly calls: CallHistory;
  readonly alerts: Alerting;
  readonly shared: CallShared;
  /** null where the manifest has no use for it. */
  readonly redis: RedisService | null;
  /** Requests under way, by app. */
  readonly inFlight: () => ReadonlyMap<string, number>;
  readonly notifier: Notifier;
}

/** Opens everything but the listeners, in order; `started` is told how to undo each. Rejects with a readable error. */
export async function openServices(
  first: Unpacked,
  options: StartOptions,
  state: { readonly stopping: boolean },
  started: AsyncDisposableStack,
): Promise<Services> {
  const { clock } = options;
  const { dataDir, limits, spool } = first.loaded.manifest;
  const key = options.env.OUTRIGGER_SPOOL_KEY;
  const ownSecrets = (key ?? "").split(",").filter((key) => key !== "");
  let secrets: readonly string[] = [...first.loaded.secrets, ...ownSecrets];
  let before: readonly string[] = [];
  let egress = compileEgress(first.loaded.manifest.egress, null);
  const log = createLog({ clock, level: options.level, destination: options.logTo, secrets: () => secrets });
  started.defer(() => log.flush());
  const bus = createEventBus((error) => log.error({ err: error }, "a listener of events failed"));
  bus.on(log.record);
  if (options.onEvent !== undefined) bus.on(options.onEvent);
  const storage = started.use(await openStorage({ dataDir, clock, onEvent: bus.emit }));

  const redis = await openRedis(first.loaded.manifest, { ...options, bus, log, key });
  if (redis !== null) started.use(redis);
  const sharing = redis?.sharing ?? null;
  const emit = sharing?.emit ?? bus.emit;
  const breakers = createBreakers({ ...options, ...sharing?.breakers, emit, persist: storage.history.saveBreaker });
  breakers.restore(await storage.history.loadBreakers());
  const apps = createApps(clock);
  const metrics = createMetrics({
    build: options.build,
    breakers: () => breakers.list(clock.now()),
    inFlight: apps.inFlight,
    apps: () => failovers.list(),
    spool: () => appsOnly(deliveries.spool.survey()),
    alerts: () => alerts.firing(),
    redis: () => redis?.status() ?? null,
  });
  const { history } = storage;
  const notifications = openNotifier(options, {
    log,
    metrics,
    history,
    deliveries: () => deliveries,
    egress: () => egress,
  });
  // Stops after what makes events, so that it hears of them.
  const notifier = started.use(notifications.notifier);
  const verifications = createVerificationTally({
    clock,
    write: history.addVerifications,
    read: history.verificationsSince,
  });
  started.defer(() => verifications.stop());
  const calls = createCallHistory({ ...options, store: history.calls, settings: first.loaded.manifest.history });
  started.defer(() => calls.stop());
  const memory = createMemoryLedger(limits.buffered);
  const deliveries = await openDeliveries(
    {
      ...options,
      storage,
      redis,
      redisSettings: first.loaded.manifest.redis,
      memory,
      bus,
      log,
      dataDir,
      key,
      onCommit: metrics.committed,
      onAttempts(route, attempts, requestId) {
        metrics.attempted(route, attempts);
        calls.attempted(route, attempts, requestId);
      },
      ask: (app, upstream, question) => upstreams.ask(app, upstream, question),
      version: options.build.version,
      onVerified(route, result) {
        metrics.verified(route, result);
        verifications.count(route, result);
      },
      onOwn: notifications.outbox.record,
      onUndone: (app, upstream) => failovers.find(app)?.of(upstream)?.health.undone(clock.now()),
    },
    spool,
  );
  bus.on(metrics.record);
  bus.on(calls.record);
  // What another replica did, that one tells of.
  bus.on((event) => ("peer" in event && event.peer === true ? undefined : notifier.record(event)));
  bus.on((event) => {
    if (event.type === "request.completed" && event.route === UNROUTED)
      metrics.refused(event.reason ?? refusedFor(event.status));
  });
  const upstreams = createUpstreams(options, options.build.version);
  started.defer(() => upstreams.close());
  const failovers = await openFailovers({
    ...options,
    bus: { emit },
    sharing: sharing?.failovers ?? null,
    history: storage.history,
    probe: upstreams.probe,
    onWell: (upstream) => {
      breakers.hasten(upstream);
      // Its routes may be parked behind them.
      deliveries.deliverer.wake(upstream.app, null);
    },
  });
  started.defer(failovers.stop);
  sharing?.attach({ breakers, failovers });
  started.use(deliveries);
  const alerts = started.use(
    await openAlerting({ ...options, bus, log, history, breakers, failovers, deliveries, calls }),
  );

  const manifests = started.use(
    await startManifests(first, {
      ...options,
      bus,
      memory,
      breakers,
      upstreams,
      failovers,
      appState: apps.state,
      lastGood: createLastGoodStore(),
      later: deliveries.later,
      verifyCall: deliveries.verifyCall,
      idempotency: {
        answers: redis?.answers ?? deliveries.spool,
        claims: redis?.answers ?? null,
        keys: createIdempotencyKeys(),
      },
      keepRevision: (applied) => keepRevision(history, applied),
      coming: ({ loaded, plans }) => {
        // Requests under way are still those of the manifest before.
        secrets = [...new Set([...loaded.secrets, ...before, ...ownSecrets])];
        before = loaded.secrets;
        egress = compileEgress(loaded.manifest.egress, null);
        notifier.apply({ ...loaded.manifest, dashboard: loaded.manifest.admin.publicUrl, mask: loaded.mask });
        deliveries.apply(plans, loaded.manifest.spool, notifications.outbox.routes(notifier.channels.values()));
      },
      applied: ({ loaded, plans }) => {
        memory.limit = loaded.manifest.limits.buffered;
        metrics.retain(
          plans.map(({ ref, settings }) => ({ ...ref, upstreams: settings.upstreams.map((u) => u.name) })),
          loaded.manifest.notify.channels.map((channel) => channel.name),
        );
        calls.apply(loaded.manifest.history);
        breakers.retain(plans.flatMap((plan) => plan.breakers));
        failovers.applied(loaded.manifest.apps, new Set(plans.map(({ ref }) => ref.key)));
        apps.retain(new Set(loaded.manifest.apps.map((app) => app.name)));
        alerts.apply(loaded.manifest);
        for (const { file, line, message } of loaded.warnings) log.warn({ file, line }, message);
        warnOfFewFiles(loaded.manifest.limits.connections, log);
        upstreams.sweep();
      },
    }),
  );
  const shared: CallShared = { clock, memory, closing: () => state.stopping };
  sharing?.announce();
  await deliveries.start(notifications.outbox.open);
  const { inFlight } = apps;
  return {
    options,
    bus,
    log,
    metrics,
    storage,
    breakers,
    failovers,
    manifests,
    deliveries,
    verifications,
    calls,
    alerts,
    shared,
    redis,
    inFlight,
    notifier,
  };
}

/** Why a request met no route: a closed list, since what a stranger sends must not become a label. */
function refusedFor(status: number): string {
  return status === 404 ? "no_route" : status === 405 ? "method" : "malformed";
}
