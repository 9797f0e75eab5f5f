import type { MemoryLedger } from "../core/memory.ts";
import type { UpstreamSettings } from "../core/settings.ts";
import { memo } from "../manifest/memo.ts";
import type { RouteNames } from "../observe/metrics.names.ts";
import type { Breakers, NamedBreaker } from "../policy/breaker.ts";
import { createLastGoodStore } from "../policy/fallback/last_good.store.ts";
import { createIdempotencyKeys } from "../policy/idempotency.keys.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import type { Alerting } from "./alerts.ts";
import type { Apps } from "./apps.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Failovers } from "./failovers.ts";
import { warnOfFewFiles } from "./files.ts";
import { type ManifestDeps, type Manifests, startManifests } from "./manifests.ts";
import type { StartOptions } from "./options.ts";
import type { RedisService } from "./redis.ts";
import { keepRevision } from "./revisions.ts";
import type { Ground } from "./services.ground.ts";
import type { Telling } from "./services.telling.ts";
import type { Complete } from "./unpack.ts";
import type { Upstreams } from "./upstreams.ts";

/** All that a manifest is applied to. */
export interface ManifestParts {
  readonly options: StartOptions;
  readonly ground: Ground;
  readonly telling: Telling;
  readonly memory: MemoryLedger;
  readonly breakers: Breakers;
  readonly upstreams: Upstreams;
  readonly failovers: Failovers;
  readonly apps: Apps;
  readonly deliveries: Deliveries;
  readonly redis: RedisService | null;
  readonly alerts: Alerting;
}

/** Applies the first manifest. */
export function openManifests(first: Complete, parts: ManifestParts): Promise<Manifests> {
  const { options, ground, memory, breakers, upstreams, failovers, deliveries, redis } = parts;
  return startManifests(first, {
    ...options,
    bus: ground.bus,
    memory,
    breakers,
    upstreams,
    failovers,
    appState: parts.apps.state,
    lastGood: createLastGoodStore(),
    later: deliveries.later,
    verifyCall: deliveries.verifyCall,
    planned: deliveries.planned,
    idempotency: {
      answers: redis?.answers ?? deliveries.spool,
      claims: redis?.answers ?? null,
      keys: createIdempotencyKeys(),
    },
    keepRevision: (applied) => keepRevision(ground.storage.history, applied),
    coming: coming(parts),
    forget({ loaded }) {
      breakers.forget();
      failovers.forget();
      deliveries.forget();
      parts.apps.retain(loaded.manifest.apps);
      upstreams.forget();
    },
    applied: applied(parts),
  });
}

/** One after the other: with them all in a list, that turn would have as much to collect as to do. */
function* breakersOf(plans: readonly RoutePlan[]): Generator<NamedBreaker, undefined> {
  for (const { breakers, settings } of plans) for (const cell of breakers) yield { cell, settings: settings.breaker };
}

/** One after the other, too. Upstreams that routes share are one list of names. */
function* namesOf(plans: readonly RoutePlan[]): Generator<RouteNames, undefined> {
  const names = memo<readonly UpstreamSettings[], readonly string[]>();
  for (const { ref, settings } of plans) {
    const upstreams = names(settings.upstreams, (shared) => shared.map(({ name }) => name));
    yield { app: ref.app, capability: ref.capability, key: ref.key, upstreams };
  }
}

/** What requests, deliveries and checks of an app use: the old until here, the new from here on. */
function coming(parts: ManifestParts): ManifestDeps["coming"] {
  const { ground, telling, memory, breakers, upstreams, failovers, apps, deliveries } = parts;
  const { notifier, outbox } = telling;
  return ({ loaded, plans }) => {
    const { manifest } = loaded;
    ground.follow(loaded);
    notifier.apply({ ...manifest, dashboard: manifest.admin.publicUrl, mask: loaded.mask });
    memory.limit = manifest.limits.buffered;
    // Breakers and upstreams of new routes are as they were known from here on, so before anything is sent there; and
    // before what probes go by is swept away.
    breakers.retain(breakersOf(plans));
    failovers.applied(manifest.apps, new Set(plans.map(({ ref }) => ref.key)));
    deliveries.apply(plans, manifest.spool, outbox.routes(notifier.channels.values()));
    apps.retain(manifest.apps);
    upstreams.sweep();
  };
}

function applied({ ground, telling, alerts }: ManifestParts): ManifestDeps["applied"] {
  return ({ loaded, plans }) => {
    const { manifest } = loaded;
    telling.metrics.retain(
      namesOf(plans),
      manifest.notify.channels.map((channel) => channel.name),
    );
    telling.calls.apply(manifest.history);
    alerts.apply(manifest);
    for (const { file, line, message } of loaded.warnings) ground.log.warn({ file, line }, message);
    warnOfFewFiles(manifest.limits.connections, ground.log);
  };
}
