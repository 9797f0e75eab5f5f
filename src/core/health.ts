import type { ProxyError } from "./fault.ts";
import type { Reason } from "./outcome.ts";

/** Words of health and failover: what a probe found, how an upstream stands, and why traffic moved. */

/** `unknown`: nothing was learnt yet, or the app has no such path. */
export type HealthStatus = "healthy" | "degraded" | "unhealthy" | "unknown";

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

/**
 * How an upstream stands in its app: `serving`; `away`: traffic was moved off it; `returning`: it was well for the
 * hold, and single requests are tried on it.
 */
export type Standing = "serving" | "away" | "returning";

/** Why traffic moved: the triggers of `failover`, what probes say, what they say again, and an operator. */
export const MOVE_REASONS = [
  "consecutive_failures",
  "response_time",
  "success_rate",
  "hang",
  "probe",
  "recovered",
  "operator",
] as const;
export type MoveReason = (typeof MOVE_REASONS)[number];
