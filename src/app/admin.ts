import { dropAddress, noteAddress } from "../admin/address.ts";
import { createAdminServer } from "../admin/server.ts";
import type { ExplainResult } from "../admin/services.explain.ts";
import type {
  AdminServices,
  AdminToken,
  BreakerChange,
  BreakerService,
  ManifestService,
  RouteInfo,
} from "../admin/services.ts";
import { ensureAdminToken, refuseOpenAdmin } from "../admin/token.ts";
import type { Result } from "../core/result.ts";
import { explainRoute } from "../manifest/explain.ts";
import { memo } from "../manifest/memo.ts";
import type { BreakerCell } from "../policy/breaker.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import type { ProxyServer } from "../proxy/proxy.ts";
import { strictWire } from "../proxy/wire.strict.ts";
import { alertService } from "./alerts.admin.ts";
import { deliveryService } from "./deliveries.admin.ts";
import { failoverService } from "./failovers.admin.ts";
import type { Applied } from "./manifests.ts";
import { notificationService } from "./notifications.admin.ts";
import { manifestOf, textOf } from "./revisions.ts";
import type { Services } from "./services.ts";

/** What the admin listener is opened on. */
export interface AdminParts extends Services {
  readonly proxy: ProxyServer;
  readonly stopping: () => boolean;
  reload(by: string): Promise<Result<Applied, readonly string[]>>;
}

export interface Admin {
  /** Where it listens, as bound. */
  readonly address: string;
  close(): Promise<void>;
}

/** Opens the admin listener. Rejects where it would be open to strangers, or its port is taken. */
export async function openAdmin(parts: AdminParts): Promise<Admin> {
  const { manifests, options, log } = parts;
  const { listen, dataDir } = manifests.current.loaded.manifest;
  const refused = refuseOpenAdmin(listen.admin, manifests.current.loaded.manifest.admin.tokens.length);
  if (refused !== null) throw new Error(refused);
  const tokens = await tokenSource(parts);
  if (manifests.current.loaded.manifest.admin.tokens.length === 0) {
    log.info({ file: `${dataDir}/admin-token` }, "no admin token is configured: one is in this file");
  }
  const startedAt = options.clock.wall();
  const mask = (text: string): string => manifests.current.loaded.mask(text);
  let address = "";
  const services: AdminServices = {
    clock: options.clock,
    random: options.random,
    tokens,
    allowedHosts: () => manifests.current.loaded.manifest.admin.allowedHosts,
    ready() {
      const reasons = parts.stopping()
        ? ["the process is stopping"]
        : [...(parts.redis?.reasons() ?? []), ...parts.deliveries.spool.reasons()];
      return { ready: reasons.length === 0, reasons };
    },
    metrics: () => parts.metrics.scrape(),
    status: () => ({
      version: options.build.version,
      node: options.build.node,
      startedAt,
      listen: { proxy: parts.proxy.address, admin: address },
      inFlight: parts.inFlight(),
      redis: parts.redis?.status() ?? null,
    }),
    routes: routeInfos(manifests, mask),
    breakers: breakerService(parts),
    failover: failoverService({
      failovers: parts.failovers,
      history: parts.storage.history,
      clock: options.clock,
      mask,
    }),
    deliveries: deliveryService({
      deliveries: parts.deliveries,
      clock: options.clock,
      bus: parts.bus,
      routes: () => manifests.current.plans.map(({ ref }) => ref),
      mask,
    }),
    verification: parts.verifications.rates,
    calls: parts.calls,
    alerts: alertService(parts.alerts, () => manifests.current.loaded.manifest),
    notifications: notificationService(parts),
    manifest: manifestService(parts),
    events: parts.bus,
    mask,
    audit: {
      // Nobody waits for the audit log; where it fails, `storage.failing` has said so already.
      add: (entry) => void parts.storage.history.addAudit(entry).catch(() => undefined),
      list: (page) => parts.storage.history.audit(page),
    },
    onError: (error) => log.error({ err: error }, "an admin request failed"),
  };
  const server = createAdminServer(services, strictWire(options.clock));
  address = await server.listen(listen.admin);
  parts.notifier.boundAt(dashboardAt(address));
  // Without it commands go by the manifest.
  await noteAddress(dataDir, address).catch((error: unknown) => log.warn({ err: error }, "admin-address not written"));
  return {
    address,
    async close() {
      await dropAddress(dataDir).catch(() => undefined);
      await server.close();
    },
  };
}

/** A listener on all addresses, or on a file, has none that a link could name. */
function dashboardAt(address: string): string | null {
  return /^(unix:|0\.0\.0\.0:|\[::\]:)/.test(address) ? null : `http://${address}`;
}

/** The tokens of the manifest; where there are none, the one of the data directory. The same array until it changes. */
async function tokenSource({ manifests, options }: AdminParts): Promise<() => readonly AdminToken[]> {
  const configured = (): readonly AdminToken[] => manifests.current.loaded.manifest.admin.tokens;
  const made = await ensureAdminToken(manifests.current.loaded.manifest.dataDir, options.random);
  const own: readonly AdminToken[] = [{ name: "admin-token", role: "operator", token: made.token }];
  return () => (configured().length > 0 ? configured() : own);
}

/** Made once for each manifest, and let go of with it: of 10,000 routes that takes a while, and much wants them. */
function routeInfos(manifests: Services["manifests"], mask: (text: string) => string): () => readonly RouteInfo[] {
  const infos = memo<readonly RoutePlan[], readonly RouteInfo[]>();
  return () => infos(manifests.current.plans, (plans) => plans.map((plan) => routeInfo(plan, mask)));
}

function routeInfo({ settings }: RoutePlan, mask: (text: string) => string): RouteInfo {
  return {
    app: settings.app.name,
    capability: settings.capability,
    mode: settings.mode,
    match: { ...settings.match, headers: settings.match.headers.map(([name, value]) => [name, mask(value)]) },
    timeoutMs: settings.timeoutMs,
    attempts: settings.retry.attempts,
    fallback: settings.fallback.map((one) => one.strategy),
    upstreams: settings.upstreams.map(({ name, url, priority }) => ({ name, url: mask(url), priority })),
  };
}

function breakerService({ breakers, manifests, options }: AdminParts): BreakerService {
  /** Does it to the breakers of a route, on all its upstreams. */
  const change = (app: string, capability: string, act: (cell: BreakerCell) => boolean): BreakerChange => {
    const plan = manifests.current.plans.find(({ ref }) => ref.app === app && ref.capability === capability);
    if (plan === undefined) return "no_route";
    const done = plan.breakers.map(act);
    return done.every(Boolean) ? "done" : "disabled";
  };
  return {
    list: () => breakers.list(options.clock.now()),
    reset: (app, capability, by) =>
      change(app, capability, (cell) => {
        cell.reset(by);
        return true;
      }),
    trip: (app, capability, by, forMs) => change(app, capability, (cell) => cell.trip(by, forMs)),
  };
}

function manifestService(parts: AdminParts): ManifestService {
  const { manifests, storage } = parts;
  return {
    current: () => {
      const { revision, at, by, loaded, shown } = manifests.current;
      const { hash, warnings } = loaded;
      return { revision, hash, appliedAt: at, by, warnings, manifest: () => textOf(shown) };
    },
    rejection: () => manifests.rejection,
    validate: (text) => manifests.check(text),
    reload: (by) => parts.reload(by),
    revisions: (page) => storage.history.revisions(page),
    revision: (revision) => manifestOf(storage.history, revision),
    explain: ({ method, path, headers }): ExplainResult => {
      const { router, loaded, origins } = manifests.current;
      const host = headers.find((_, i) => headers[i - 1]?.toLowerCase() === "host") ?? "";
      const found = router.find(method, host, path, headers);
      if (found.kind !== "found") return found;
      const { key } = found.value.ref;
      const explanation = explainRoute({ mask: loaded.mask, origins: origins(key) }, key, method);
      return explanation === null ? { kind: "none" } : { kind: "found", explanation };
    },
  };
}
