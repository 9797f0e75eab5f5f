import type { MemoryLedger } from "../core/memory.ts";
import type { Breakers } from "../policy/breaker.ts";
import { createLastGoodStore } from "../policy/fallback/last_good.store.ts";
import { createIdempotencyKeys } from "../policy/idempotency.keys.ts";
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
import type { Unpacked } from "./unpack.ts";
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
export function openManifests(first: Unpacked, parts: ManifestParts): Promise<Manifests> {
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
    idempotency: {
      answers: redis?.answers ?? deliveries.spool,
      claims: redis?.answers ?? null,
      keys: createIdempotencyKeys(),
    },
    keepRevision: (applied) => keepRevision(ground.storage.history, applied),
    coming: coming(parts),
    applied: applied(parts),
  });
}

function coming({ ground, telling: { notifier, outbox }, deliveries }: ManifestParts): ManifestDeps["coming"] {
  return ({ loaded, plans }) => {
    ground.follow(loaded);
    notifier.apply({ ...loaded.manifest, dashboard: loaded.manifest.admin.publicUrl, mask: loaded.mask });
    deliveries.apply(plans, loaded.manifest.spool, outbox.routes(notifier.channels.values()));
  };
}

function applied(parts: ManifestParts): ManifestDeps["applied"] {
  const { ground, telling, memory, breakers, upstreams, failovers, apps, alerts } = parts;
  return ({ loaded, plans }) => {
    const { manifest } = loaded;
    memory.limit = manifest.limits.buffered;
    telling.metrics.retain(
      plans.map(({ ref, settings }) => ({ ...ref, upstreams: settings.upstreams.map((u) => u.name) })),
      manifest.notify.channels.map((channel) => channel.name),
    );
    telling.calls.apply(manifest.history);
    breakers.retain(plans.flatMap((plan) => plan.breakers));
    failovers.applied(manifest.apps, new Set(plans.map(({ ref }) => ref.key)));
    apps.retain(new Set(manifest.apps.map((app) => app.name)));
    alerts.apply(manifest);
    for (const { file, line, message } of loaded.warnings) ground.log.warn({ file, line }, message);
    warnOfFewFiles(manifest.limits.connections, ground.log);
    upstreams.sweep();
  };
}
