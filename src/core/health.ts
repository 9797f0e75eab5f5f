import type { ProxyError } from "./fault.ts";
import type { Reason } from "./outcome.ts";

/** Words of health and failover: what a probe found, how an upstream stands, and why traffic moved. */

/** `unknown`: nothing was learnt yet, or the app has no such path. */
export const HEALTH_STATUSES = ["healthy", "degraded", "unhealthy", "unknown"] as const;
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/** What one probe of one upstream found. */
export interface ProbeReport {
  readonly status: HealthStatus;
  /** Any HTTP answer at all: proof that somebody lives there. */
  readonly answered: boolean;
  /** 0 where no answer came. */
  readonly httpStatus: number;
  readonly durationMs: number;
  /** Why it is not `healthy`, else null. */
  readonly reason: Reason | null;
  readonly proxyError: ProxyError | null;
  /** One line for people. */
  readonly detail: string | null;
  /** The answer's JSON object, where it was one and small; text of the app, so for people only. */
  readonly details: Readonly<Record<string, unknown>> | null;
}

/** Why a live call failed. */
export interface CallFailure {
  readonly reason: Reason | null;
  /** 0 where no answer came. */
  readonly status: number;
  /** One clause for people. */
  readonly detail: string | null;
}

/**
 * How an upstream stands in its app: `serving`; `away`: traffic was moved off it; `returning`: it was well for the
 * hold, and single requests are tried on it.
 */
export const STANDINGS = ["serving", "away", "returning"] as const;
export type Standing = (typeof STANDINGS)[number];

/** Why traffic moved: the triggers of `failover`, what probes say, what they say again, an operator, and a reload. */
export const MOVE_REASONS = [
  "consecutive_failures",
  "response_time",
  "success_rate",
  "hang",
  "probe",
  "recovered",
  "operator",
  "manifest",
] as const;
export type MoveReason = (typeof MOVE_REASONS)[number];

/** How one upstream of an app is, for people: times are Unix milliseconds. */
export interface UpstreamHealth {
  readonly upstream: string;
  /** Without credentials. */
  readonly url: string;
  readonly priority: number;
  readonly weight: number;
  readonly standing: Standing;
  /** When it began to stand so. */
  readonly since: number;
  /** Why it is not serving; null where it is. */
  readonly cause: MoveReason | null;
  readonly status: HealthStatus;
  /** Requests are sent here first. */
  readonly active: boolean;
  /** Of probes and live traffic. */
  readonly consecutiveFailures: number;
  /** The newest probe; null where there was none. */
  readonly lastCheck: (ProbeReport & { readonly at: number }) | null;
  /** The newest live call that failed, of requests and deliveries, while this process runs; null for none. */
  readonly lastFailure: (CallFailure & { readonly at: number }) | null;
  /** Live calls in the window … */
  readonly samples: number;
  /** … their mean … */
  readonly responseMs: number | null;
  /** … and how many of them were well, in percent; both null where nothing can be said. */
  readonly successRate: number | null;
  /** Since when all criteria of recovery hold; null where they do not, or it is serving. */
  readonly wellSince: number | null;
  /** When the hold is over if it stays well; null likewise. */
  readonly returnsAt: number | null;
}

/** How an app and its upstreams are. */
export interface AppHealth {
  readonly app: string;
  /**
   * `healthy` where the active upstream is and has the traffic by right; `degraded` where a backup serves or any
   * upstream is degraded; `unhealthy` where none is usable; `unknown` where nothing was learnt.
   */
  readonly status: HealthStatus;
  /** The upstream that requests are sent to first; null where there is none. */
  readonly active: string | null;
  /** Where an operator pinned the traffic; null where nobody did. */
  readonly pinned: { readonly upstream: string; readonly by: string; readonly at: number } | null;
  /** No upstream is well, and requests are tried all the same. */
  readonly panic: boolean;
  /** By priority. */
  readonly upstreams: readonly UpstreamHealth[];
}
