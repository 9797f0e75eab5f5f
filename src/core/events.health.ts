import type { HealthStatus, MoveReason } from "./health.ts";

/** Facts about upstreams and where the traffic of an app goes: part of the closed list in events.ts. */

/** Traffic of an app moved away from an upstream, or back to it. */
export interface UpstreamMoved {
  readonly type: "failover" | "failback";
  readonly at: number;
  readonly app: string;
  /** Upstreams by name; null where there was none to leave, or is none to go to. */
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: MoveReason;
  /** The operator, where the reason is one. */
  readonly by?: string;
  /** From the first sign of trouble, or of recovery, to the move. */
  readonly durationMs: number;
  /** Another replica moved it, and has told whoever is to be told. */
  readonly peer?: boolean;
}

/** The health of an upstream changed. */
export interface UpstreamHealthChanged {
  readonly type: "upstream.up" | "upstream.down";
  readonly at: number;
  readonly app: string;
  readonly upstream: string;
  readonly url: string;
  readonly status: HealthStatus;
  readonly consecutiveFailures: number;
  /** Has it failed so often in a row that somebody should be told? */
  readonly alert: boolean;
  /** One line for people. */
  readonly detail: string | null;
  /** Another replica found it, and has told whoever is to be told. */
  readonly peer?: boolean;
}
