import type { RouteSettings, StatusRange, ValueRef } from "./settings.route.ts";
import type {
  AdminSettings,
  AlertSettings,
  EgressSettings,
  HistorySettings,
  LimitSettings,
  NotifySettings,
  RedisSettings,
  SpoolSettings,
} from "./settings.service.ts";

/**
 * The manifest as everything after loading sees it: typed, defaults filled, units converted, deeply frozen.
 * `src/manifest` makes it; nothing else reads YAML. Durations are milliseconds, sizes bytes, rates per second;
 * `null` means the feature is off.
 */

export interface Manifest {
  readonly version: 1;
  readonly listen: ListenSettings;
  /** Absolute. */
  readonly dataDir: string;
  readonly apps: readonly AppSettings[];
  /** Every webhook of every app, in the order written. */
  readonly routes: readonly RouteSettings[];
  readonly limits: LimitSettings;
  readonly spool: SpoolSettings;
  readonly redis: RedisSettings | null;
  readonly history: HistorySettings;
  readonly admin: AdminSettings;
  readonly egress: EgressSettings;
  readonly notify: NotifySettings;
  readonly alerts: AlertSettings;
}

export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

export interface ListenSettings {
  readonly proxy: Address;
  readonly admin: Address;
  /** Files, absolute; re-read when they change. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | null } | null;
}

export interface AppSettings {
  readonly name: string;
  readonly owner: string | null;
  readonly upstreams: readonly UpstreamSettings[];
  readonly health: HealthSettings;
  readonly failover: FailoverSettings;
  /** Calls at once on each upstream of the app, and how many more may wait for one to end. */
  readonly concurrency: { readonly max: number; readonly queue: number };
  readonly sign: SignSettings | null;
  readonly network: "any" | "public" | "private";
  readonly preserveHost: boolean;
  readonly tls: ClientTls | null;
  readonly rateLimit: { readonly rps: number; readonly burst: number } | null;
  /** Labels from the request, in the order written. */
  readonly context: readonly { readonly label: string; readonly from: ValueRef }[];
}

/** At most this many upstreams an app: those that a request has tried are bits of one number. */
export const MAX_UPSTREAMS = 30;

export interface UpstreamSettings {
  readonly name: string;
  /** As written: `http://host:port/prefix`, without query or fragment. */
  readonly url: string;
  readonly secure: boolean;
  /** Without brackets for IPv6. */
  readonly hostname: string;
  readonly port: number;
  /** What goes into `Host`: as in the URL, the default port left out. */
  readonly authority: string;
  /** The URL's path without a trailing slash; empty for none. */
  readonly prefix: string;
  /** Smaller is preferred. */
  readonly priority: number;
  readonly weight: number;
}

/** Files, absolute. */
export interface ClientTls {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly serverName: string | null;
}

export interface SignSettings {
  readonly scheme: "standard-webhooks" | "platform";
  /** The first signs; for standard-webhooks all of them do. */
  readonly secrets: readonly string[];
}

export interface HealthSettings {
  readonly path: string;
  /** False when `/health` is only the default: then 404, 405 and 501 mean "unknown". */
  readonly pathNamed: boolean;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
  readonly fastIntervalMs: number;
  readonly expect: readonly StatusRange[];
}

export interface FailoverSettings {
  readonly consecutiveFailures: number;
  readonly maxResponseTimeMs: number;
  /** Percent. */
  readonly minSuccessRate: number;
  readonly hangAfterMs: number;
  readonly windowMs: number;
  readonly minSamples: number;
  readonly recovery: {
    readonly successes: number;
    readonly maxResponseTimeMs: number;
    readonly minSuccessRate: number;
    readonly holdMs: number;
    readonly holdMaxMs: number;
  };
}
