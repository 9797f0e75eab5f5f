import type {
  AdminSettings,
  ChannelSettings,
  EgressSettings,
  HistorySettings,
  LimitSettings,
  NotifySettings,
  RedisSettings,
  SpoolSettings,
} from "../core/settings.service.ts";
import type { Address, ListenSettings } from "../core/settings.ts";
import type { Document, Loading } from "./document.ts";
import type { Environment } from "./environment.ts";
import { namedFile } from "./resolve.app.ts";
import type { ManifestEntry } from "./schema.ts";
import { parseAddress } from "./schema.values.ts";

/** The keys about the whole process: defaults filled in, paths absolute. A general variable beats what the file says in general. */

type Main = Document<ManifestEntry>;

export function resolveListen(main: Main, loading: Loading): ListenSettings {
  const { proxy, admin, tls } = main.value.listen ?? {};
  const file = (key: "cert" | "key" | "client_ca", named: string): string =>
    namedFile(main, ["listen", "tls", key], named, loading);
  return {
    proxy: resolveAddress(main, proxy ?? "127.0.0.1:8080"),
    admin: resolveAddress(main, admin ?? "127.0.0.1:9090"),
    tls:
      tls === undefined
        ? null
        : {
            cert: file("cert", tls.cert),
            key: file("key", tls.key),
            clientCa: tls.client_ca === undefined ? null : file("client_ca", tls.client_ca),
          },
  };
}

function resolveAddress(main: Main, written: string): Address {
  const parsed = parseAddress(written);
  if (parsed === null) throw new Error(`the schema let the address ${written} through`);
  return parsed.kind === "unix" ? { kind: "unix", path: main.resolve(parsed.path) } : parsed;
}

export function resolveLimits(limits: ManifestEntry["limits"] = {}): LimitSettings {
  return {
    minTimeoutMs: limits.min_timeout ?? 1000,
    maxSyncTimeoutMs: limits.max_sync_timeout ?? 30_000,
    maxAsyncTimeoutMs: limits.max_async_timeout ?? 900_000,
    body: limits.body ?? 2 ** 20,
    headerBytes: limits.header_bytes ?? 2 ** 14,
    headers: limits.headers ?? 100,
    headersTimeoutMs: limits.headers_timeout ?? 10_000,
    requestTimeoutMs: limits.request_timeout ?? 60_000,
    connections: limits.connections ?? 10_000,
    inFlight: limits.in_flight ?? 5000,
    buffered: limits.buffered ?? 256 * 2 ** 20,
    drainMs: limits.drain ?? 25_000,
  };
}

export function resolveSpool(spool: ManifestEntry["spool"] = {}, env: Environment): SpoolSettings {
  return {
    driver: spool.driver ?? "sqlite",
    durability: spool.durability ?? "full",
    maxJobs: spool.max_jobs ?? 1_000_000,
    maxBytes: spool.max_bytes ?? 10 * 2 ** 30,
    concurrency: env.number("QUEUE_CONCURRENCY") ?? spool.concurrency ?? 64,
    perApp: spool.per_app ?? 16,
    retainDeliveredMs: spool.retain_delivered ?? 86_400_000,
    retainDeadMs: spool.retain_dead ?? 30 * 86_400_000,
    batch: spool.batch ?? 256,
  };
}

export function resolveRedis(redis: ManifestEntry["redis"], env: Environment): RedisSettings | null {
  const url = env.text("REDIS_URL") ?? redis?.url;
  if (url === undefined) return null;
  return {
    url,
    keyPrefix: redis?.key_prefix ?? "outrigger",
    shared: redis?.shared ?? ["breaker", "failover", "idempotency"],
  };
}

export function resolveHistory(history: ManifestEntry["history"] = {}, env: Environment): HistorySettings {
  return {
    retainMs: env.number("WEBHOOK_METRICS_RETENTION_DAYS") ?? history.retain ?? 90 * 86_400_000,
    samples: history.samples ?? "all",
    samplesRate: history.samples_rate ?? 1000,
    maxBytes: history.max_bytes ?? 5 * 2 ** 30,
  };
}

export function resolveAdmin(admin: ManifestEntry["admin"] = {}, env: Environment): AdminSettings {
  const tokens: AdminSettings["tokens"][number][] = [...(admin.tokens ?? [])];
  const token = env.text("OUTRIGGER_ADMIN_TOKEN");
  // The manifest may name the same variable itself, to give the token a name of its own.
  if (token !== undefined && !tokens.some((t) => t.token === token))
    tokens.push({ name: "env", role: "operator", token });
  return { tokens, allowedHosts: (admin.allowed_hosts ?? []).map((host) => host.toLowerCase()) };
}

export function resolveEgress(egress: ManifestEntry["egress"] = {}): EgressSettings {
  return { default: egress.default ?? "any", allow: egress.allow ?? [], deny: egress.deny ?? [] };
}

export function resolveNotify(notify: ManifestEntry["notify"] = {}): NotifySettings {
  return {
    channels: Object.entries(notify.channels ?? {}).map(([name, channel]): ChannelSettings => {
      switch (channel.type) {
        case "email": {
          const to = channel.to === "owner" ? "owner" : Array.isArray(channel.to) ? channel.to : [channel.to];
          return { name, type: "email", smtp: channel.smtp, from: channel.from, to };
        }
        case "http":
          return {
            name,
            type: "http",
            url: channel.url,
            method: channel.method ?? "POST",
            headers: Object.entries(channel.headers ?? {}),
            body: channel.body ?? null,
            timeoutMs: channel.timeout ?? 5000,
            retry: {
              attempts: channel.retry?.attempts ?? 5,
              initialMs: channel.retry?.initial ?? 1000,
              maxMs: channel.retry?.max ?? 30_000,
            },
          };
        case "webhook":
          return { name, type: "webhook", url: channel.url, secret: channel.secret ?? null };
        default:
          return { name, type: channel.type, url: channel.url, secret: null };
      }
    }),
    routes: (notify.routes ?? []).map(({ on, apps, to }) => ({ on, apps: apps ?? null, to })),
  };
}
