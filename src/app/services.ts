import type { EventBus } from "../core/events.ts";
import { createMemoryLedger, type MemoryLedger } from "../core/memory.ts";
import type { Log } from "../observe/log.ts";
import { type Breakers, createBreakers } from "../policy/breaker.ts";
import type { CallShared } from "../proxy/call.ts";
import type { Storage } from "../storage/storage.ts";
import { type Alerting, openAlerting } from "./alerts.ts";
import { createApps } from "./apps.ts";
import { type Deliveries, type DeliveriesDeps, openDeliveries } from "./deliveries.ts";
import { type Failovers, openFailovers } from "./failovers.ts";
import type { Manifests } from "./manifests.ts";
import type { AppOptions, StartOptions } from "./options.ts";
import { openRedis } from "./redis.lazy.ts";
import type { RedisService } from "./redis.ts";
import { type Ground, openGround } from "./services.ground.ts";
import { openManifests } from "./services.manifests.ts";
import { listen, openTelling, type Telling } from "./services.telling.ts";
import type { Complete, Unpacked } from "./unpack.ts";
import { createUpstreams, type Upstreams } from "./upstreams.ts";

/** What the listeners stand on. */
export interface Services extends Omit<Telling, "outbox"> {
  readonly options: AppOptions;
  readonly bus: EventBus;
  readonly log: Log;
  readonly storage: Storage;
  readonly breakers: Breakers;
  readonly failovers: Failovers;
  readonly manifests: Manifests;
  readonly deliveries: Deliveries;
  readonly alerts: Alerting;
  readonly shared: CallShared;
  /** null where the manifest has no use for it. */
  readonly redis: RedisService | null;
  /** The listeners are open: whoever tells people of what happens hears of what failed before, too. */
  readonly allListen: () => void;
  /** Requests under way, by app. */
  readonly inFlight: () => ReadonlyMap<string, number>;
}

/** Opens everything but the listeners, in order; `started` is told how to undo each. Rejects with a readable error. */
export async function openServices(
  first: Complete,
  options: StartOptions,
  state: { readonly stopping: boolean },
  started: AsyncDisposableStack,
): Promise<Services> {
  const { clock } = options;
  const { limits, history: settings } = first.loaded.manifest;
  const ground = await openGround(first, options, started);
  const { bus, log, storage } = ground;
  const { history } = storage;

  const redis = await openRedis(first.loaded.manifest, { ...options, ...ground });
  if (redis !== null) started.use(redis);
  const sharing = redis?.sharing ?? null;
  const emit = sharing?.emit ?? bus.emit;
  const breakers = createBreakers({ ...options, ...sharing?.breakers, emit, persist: history.saveBreaker });
  breakers.restore(await history.loadBreakers());
  const apps = createApps(clock);
  // Some know of each other: those that come later are asked for when they are needed.
  const later = {
    upstreams: () => upstreams,
    failovers: () => failovers,
    deliveries: () => deliveries,
    alerts: () => alerts,
  };
  const telling = openTelling(ground, { options, settings, apps, breakers, redis, ...later }, started);
  const memory = createMemoryLedger(limits.buffered);
  const deliveries = await deliver(first, { options, ground, telling, redis, memory, ...later });
  listen(bus, telling);
  const upstreams = createUpstreams(options, options.build.version);
  started.defer(() => upstreams.close());
  const failovers = await openFailovers({
    ...options,
    bus: { emit },
    sharing: sharing?.failovers ?? null,
    history,
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
  const { calls } = telling;
  const alerts = started.use(
    await openAlerting({ ...options, bus, log, history, breakers, failovers, deliveries, calls }),
  );
  const parts = { options, ground, telling, memory, breakers, upstreams, failovers, apps, deliveries, redis, alerts };
  const manifests = started.use(await openManifests(first, parts));
  sharing?.announce();
  await deliveries.start(telling.outbox.open);
  const shared: CallShared = { clock, memory, closing: () => state.stopping };
  const { inFlight } = apps;
  const { allListen } = ground;
  return { ...parts, bus, log, storage, ...telling, manifests, shared, allListen, inFlight };
}

interface DeliverParts {
  readonly options: StartOptions;
  readonly ground: Ground;
  readonly telling: Telling;
  readonly redis: RedisService | null;
  readonly memory: MemoryLedger;
  readonly upstreams: () => Pick<Upstreams, "ask">;
  readonly failovers: () => Pick<Failovers, "find">;
}

/** The asynchronous path, and who hears of what it does. */
function deliver({ loaded: { manifest } }: Unpacked, parts: DeliverParts): Promise<Deliveries> {
  const { options, ground, telling, redis, memory, upstreams, failovers } = parts;
  const { metrics, calls, verifications, outbox } = telling;
  const deps: DeliveriesDeps = {
    ...options,
    ...ground,
    redis,
    redisSettings: manifest.redis,
    memory,
    dataDir: manifest.dataDir,
    onCommit: metrics.committed,
    onAttempts(route, attempts, requestId) {
      metrics.attempted(route, attempts);
      calls.attempted(route, attempts, requestId);
    },
    ask: (app, upstream, question) => upstreams().ask(app, upstream, question),
    version: options.build.version,
    onVerified(route, result) {
      metrics.verified(route, result);
      verifications.count(route, result);
    },
    onOwn: outbox.record,
    onUndone: (app, upstream) => failovers().find(app)?.of(upstream)?.health.undone(options.clock.now()),
  };
  return openDeliveries(deps, manifest.spool);
}
