import type { Clock } from "../core/clock.ts";
import type { EventBus } from "../core/events.ts";
import type { AppHealth, ProbeReport } from "../core/health.ts";
import type { PeerWord } from "../core/peer.ts";
import type { Random } from "../core/random.ts";
import type { AppSettings, HealthSettings, UpstreamSettings } from "../core/settings.ts";
import { type StoredHealth, type StoredPin, type UpstreamId, upstreamKey } from "../core/stored.ts";
import { type AppFailover, createFailover } from "../policy/failover.ts";
import type { History } from "../storage/storage.ts";
import type { PinSharing } from "./sharing.ts";

/** The health and failover of every app. */
export interface Failovers {
  /**
   * What a try of this upstream reads and tells; null for an upstream that a single route names by itself. For a plan of
   * a manifest that comes: what is in force stays as it is until `applied`.
   */
  of(app: AppSettings, upstream: UpstreamSettings): ReturnType<AppFailover["of"]>;
  /** A manifest is in force: its apps go by it. Lets go of the apps that it no longer sends anything to. */
  applied(apps: readonly AppSettings[], routes: ReadonlySet<string>): void;
  /** The manifest that was to come came to nothing. */
  forget(): void;
  find(app: string): AppFailover | null;
  /** What other replicas should know of: upstreams that do not serve, and pins. */
  peers(): readonly PeerWord[];
  /** What other replicas find unwell may have changed. */
  objected(): void;
  /** In the order of the manifest. */
  list(): readonly AppHealth[];
  /** Writes down how all are, and ends all timers. */
  stop(): void;
}

export interface FailoversDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly bus: Pick<EventBus, "emit">;
  readonly sharing: PinSharing | null;
  readonly history: History;
  /** An upstream is known to be well again. */
  readonly onWell: (upstream: UpstreamId) => void;
  readonly probe: (
    app: AppSettings,
    upstream: UpstreamSettings,
    settings: HealthSettings,
    timeoutMs: number,
  ) => Promise<ProbeReport>;
}

interface Own {
  readonly failover: AppFailover;
  /** Those in force; null before the first. */
  settings: AppSettings | null;
}

/** How many upstreams that no manifest names are remembered, should they return. */
const MAX_REMEMBERED = 65_536;

/** Reads what was stored, so that a restart in the midst of a failover comes up on the backup. */
export async function openFailovers(deps: FailoversDeps): Promise<Failovers> {
  const { clock, random, bus, history } = deps;
  const rows = new Map<string, StoredHealth>();
  const pins = new Map<string, StoredPin>();
  for (const row of await history.loadHealth()) rows.set(upstreamKey(row), row);
  for (const pin of await history.loadPins()) pins.set(pin.app, pin);
  const known = new Map<string, Own>();
  // Of apps that are not in force yet: their plans hold what they need of it, but it has no timer, and nobody finds it.
  const coming = new Map<string, Own>();
  let asked = new Set<string>();
  let apps: readonly AppSettings[] = [];

  const saveHealth = (row: StoredHealth): void => {
    rows.set(upstreamKey(row), row);
    history.saveHealth(row);
    if (rows.size <= MAX_REMEMBERED) return;
    const [oldest] = rows.keys();
    if (oldest !== undefined) rows.delete(oldest);
  };

  // Where it can't be written down, it holds until the next start: `storage.failing` has said so.
  const savePin = (app: string, pin: StoredPin | null): void => {
    if (pin === null) pins.delete(app);
    else pins.set(app, pin);
    (pin === null ? history.removePin(app) : history.savePin(pin)).catch(() => undefined);
  };

  const pinOf = (app: string): StoredPin | null => {
    const shared = deps.sharing?.recallPin(app) ?? null;
    return shared === null ? (pins.get(app) ?? null) : shared.pin;
  };

  const open = (settings: AppSettings): AppFailover =>
    createFailover(settings, () => pinOf(settings.name), {
      clock,
      random,
      emit: bus.emit,
      sharing: deps.sharing,
      saveHealth,
      recall: (id) => rows.get(upstreamKey(id)) ?? null,
      savePin,
      addMove: history.addMove,
      onWell: deps.onWell,
      probe: (upstream, health, timeoutMs) =>
        deps.probe(known.get(settings.name)?.settings ?? settings, upstream, health, timeoutMs),
    });

  const settled = (): void => {
    asked = new Set();
    coming.clear();
  };

  return {
    of(app, upstream) {
      if (!app.upstreams.some(({ name, url }) => name === upstream.name && url === upstream.url)) return null;
      let own = known.get(app.name) ?? coming.get(app.name);
      if (own === undefined) {
        own = { failover: open(app), settings: null };
        coming.set(app.name, own);
      }
      asked.add(app.name);
      return own.failover.prepare(upstream);
    },
    applied(named, routes) {
      apps = named;
      for (const app of named) {
        const own = known.get(app.name) ?? coming.get(app.name);
        if (own === undefined || own.settings === app || !asked.has(app.name)) continue;
        known.set(app.name, own);
        own.settings = app;
        own.failover.configure(app);
      }
      for (const [name, { failover }] of known) {
        failover.retain(routes);
        if (asked.has(name)) continue;
        failover.stop();
        known.delete(name);
      }
      settled();
    },
    forget() {
      for (const { failover } of known.values()) failover.forget();
      settled();
    },
    peers: () => [
      ...Array.from(known.values()).flatMap(({ failover }) =>
        failover.peers().map((one) => ({ about: "upstream", ...one }) as const),
      ),
      ...Array.from(pins.values(), (pin) => ({ about: "pin", app: pin.app, pin }) as const),
    ],
    objected() {
      for (const { failover } of known.values()) failover.objected();
    },
    find: (app) => known.get(app)?.failover ?? null,
    list: () => apps.map(({ name }) => known.get(name)?.failover.health(clock.now()) ?? unused(name)),
    stop() {
      for (const { failover } of known.values()) failover.stop();
      known.clear();
    },
  };
}

/** An app whose routes all name upstreams of their own, or that has none. */
function unused(app: string): AppHealth {
  return { app, status: "unknown", active: null, pinned: null, panic: false, upstreams: [] };
}
