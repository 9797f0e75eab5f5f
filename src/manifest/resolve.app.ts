import type {
  AppSettings,
  ClientTls,
  FailoverSettings,
  HealthSettings,
  SignSettings,
  UpstreamSettings,
} from "../core/settings.ts";
import { strongWebhookKey } from "../core/webhook.key.ts";
import type { Document, Loading } from "./document.ts";
import type { Environment } from "./environment.ts";
import type { AppEntry } from "./schema.ts";

/** One app: defaults filled in, paths absolute. */

/** With somewhere to move to, a dead upstream must be found within seconds; alone there is no hurry. */
const WITH_BACKUP = { intervalMs: 2000, timeoutMs: 1000 };
const ALONE = { intervalMs: 300_000, timeoutMs: 5000 };

export interface AppContext {
  readonly document: Document<unknown>;
  readonly name: string;
  readonly entry: AppEntry;
  readonly env: Environment;
  readonly loading: Loading;
  /** `egress.default`. */
  readonly network: AppSettings["network"];
}

/** Problems that only an app as a whole can have are reported; what can't be used is left empty. */
export function resolveApp(context: AppContext): AppSettings {
  const { name, entry, env } = context;
  const upstreams = resolveUpstreams(context);
  const { rps, burst } = entry.rate_limit ?? {};
  return {
    name,
    owner: entry.owner ?? null,
    upstreams,
    health: resolveHealth(entry.health ?? {}, upstreams.length > 1, env),
    failover: entry.failover === undefined ? USUAL_FAILOVER : resolveFailover(entry.failover),
    concurrency:
      entry.concurrency === undefined
        ? USUAL_CONCURRENCY
        : { max: entry.concurrency.max ?? 1024, queue: entry.concurrency.queue ?? 1024 },
    sign: resolveSign(context),
    network: resolveNetwork(context),
    preserveHost: entry.preserve_host ?? false,
    tls: resolveTls(context),
    rateLimit: rps === undefined ? null : { rps, burst: burst ?? Math.max(1, Math.ceil(rps)) },
    context: Object.entries(entry.context ?? {}).map(([label, from]) => ({ label, from })),
  };
}

/** Who chooses the URLs must not choose what they may reach, too. */
function resolveNetwork({ document, name, entry, network, loading }: AppContext): AppSettings["network"] {
  if (document.trusted || entry.network === undefined || entry.network === "public") return entry.network ?? network;
  const path = ["apps", name, "network"];
  const message = `network: ${entry.network} is not allowed in an included file while egress.default is public`;
  loading.report.error(document.place(path), path, message);
  return network;
}

function resolveUpstreams({ document, name, entry, loading }: AppContext): UpstreamSettings[] {
  const at = ["apps", name];
  if (entry.url && entry.upstreams) {
    const { line } = document.source.position(document.place([...at, "url"]).offset);
    const path = [...at, "upstreams"];
    loading.report.error(document.place(path), path, `either url or upstreams, not both; url is at line ${line}`);
  }
  if (entry.url) return [{ name: entry.url.authority, ...entry.url, priority: 0, weight: 1 }];
  const upstreams = (entry.upstreams ?? []).map(({ url, name: named, priority = 0, weight = 1 }) => ({
    name: named ?? url.authority,
    ...url,
    priority,
    weight,
  }));
  for (const [i, upstream] of upstreams.entries()) {
    const first = upstreams.findIndex((other) => other.name === upstream.name);
    if (first === i) continue;
    const path = [...at, "upstreams", i];
    loading.report.error(
      document.place(path),
      path,
      `a second upstream named ${upstream.name}: give each its own name`,
    );
  }
  return upstreams;
}

function resolveHealth(entry: NonNullable<AppEntry["health"]>, backup: boolean, env: Environment): HealthSettings {
  const base = backup ? WITH_BACKUP : ALONE;
  // The variables speak of single apps; with a backup they may only make detection faster.
  const general = (fromEnv: number | undefined, ours: number): number =>
    backup ? Math.min(fromEnv ?? ours, ours) : (fromEnv ?? ours);
  return {
    path: entry.path ?? "/health",
    pathNamed: entry.path !== undefined,
    intervalMs: entry.interval ?? general(env.number("APP_HEALTH_CHECK_INTERVAL"), base.intervalMs),
    timeoutMs: entry.timeout ?? general(env.number("APP_HEALTH_CHECK_TIMEOUT"), base.timeoutMs),
    unhealthyAfter: entry.unhealthy_after ?? 2,
    healthyAfter: entry.healthy_after ?? 5,
    fastIntervalMs: entry.fast_interval ?? 500,
    expect: entry.expect ?? [{ from: 200, to: 299 }],
  };
}

function resolveFailover(entry: NonNullable<AppEntry["failover"]>): FailoverSettings {
  const recovery = entry.recovery ?? {};
  return {
    consecutiveFailures: entry.consecutive_failures ?? 3,
    maxResponseTimeMs: entry.max_response_time ?? 5000,
    minSuccessRate: entry.min_success_rate ?? 95,
    hangAfterMs: entry.hang_after ?? 1000,
    windowMs: entry.window ?? 60_000,
    minSamples: entry.min_samples ?? 20,
    recovery: {
      successes: recovery.successes ?? 5,
      maxResponseTimeMs: recovery.max_response_time ?? 2000,
      minSuccessRate: recovery.min_success_rate ?? 98,
      holdMs: recovery.hold ?? 30_000,
      holdMaxMs: Math.max(recovery.hold_max ?? 600_000, recovery.hold ?? 0),
    },
  };
}

// One object for all apps that say nothing of it.
const USUAL_FAILOVER = resolveFailover({});
const USUAL_CONCURRENCY = { max: 1024, queue: 1024 };

function resolveSign({ document, name, entry, loading }: AppContext): SignSettings | null {
  const { scheme = "standard-webhooks", secrets = [] } = entry.sign ?? {};
  const path = ["apps", name, "sign"];
  if (entry.sign === undefined || scheme === "none" || document.tainted(path)) return null;
  if (secrets.length === 0) {
    loading.report.error(document.place(path), path, `the key secrets is missing: ${scheme} signs with at least one`);
    return null;
  }
  for (const secret of secrets) loading.secrets.add(secret);
  for (const [i, secret] of scheme === "standard-webhooks" ? secrets.entries() : []) {
    const key = strongWebhookKey(secret);
    if (key.ok && key.value.kind !== "public") continue;
    const at = [...path, "secrets", i];
    const wrong = key.ok ? "is a public key, which can't sign: expected the secret one (whsk_)" : key.error;
    loading.report.error(document.place(at, "value"), at, `the secret ${wrong}`);
  }
  return { scheme, secrets };
}

function resolveTls({ document, name, entry: { tls }, loading }: AppContext): ClientTls | null {
  if (tls === undefined) return null;
  const file = (key: "ca" | "cert" | "key"): string | null =>
    tls[key] === undefined ? null : namedFile(document, ["apps", name, "tls", key], tls[key], loading);
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const path = ["apps", name, "tls"];
    if (!document.tainted(path))
      loading.report.error(document.place(path), path, "a client certificate needs both cert and key");
  }
  return { ca: file("ca"), cert: file("cert"), key: file("key"), serverName: tls.server_name ?? null };
}

/** The absolute path of a file that the manifest names; reported where it can't be read. */
export function namedFile(
  document: Document<unknown>,
  path: readonly PropertyKey[],
  named: string,
  loading: Loading,
): string {
  const absolute = document.resolve(named);
  const read = document.read(named, loading.files);
  if ("error" in read) loading.report.error(document.place(path, "value"), path, read.error);
  return absolute;
}
