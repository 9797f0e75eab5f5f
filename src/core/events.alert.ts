import type { AlertEnd, AlertMetric, AlertUnit } from "./alert.ts";

/** Facts about alerts: part of the closed list in events.ts. */

/**
 * An alert began to fire, or fires still and is told again; or it is over. What fires again within
 * `alerts.repeat_every` is not told again, and neither is its end.
 */
export interface AlertChanged {
  readonly type: "alert.firing" | "alert.resolved";
  readonly at: number;
  /** The alert's id: the same for as long as its rule and subject are. */
  readonly id: string;
  readonly rule: string;
  readonly metric: AlertMetric;
  /** What it is about; null for what is about no single one. */
  readonly app: string | null;
  readonly capability: string | null;
  readonly upstream: string | null;
  readonly value: number;
  readonly threshold: number;
  readonly unit: AlertUnit;
  /** When the trouble began. */
  readonly since: number;
  /** Why it is over; null while it fires. */
  readonly cause: AlertEnd | null;
  /** A sentence for people. */
  readonly summary: string;
}
