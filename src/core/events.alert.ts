import type { AlertEnd, AlertMetric, AlertUnit } from "./alert.ts";

/** Facts about alerts: part of the closed list in events.ts. */

interface AboutAlert {
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
  /** A sentence for people. */
  readonly summary: string;
}

/** An alert began to fire, or fires still: told no sooner than `alerts.repeat_every` after the last time. */
export interface AlertFiring extends AboutAlert {
  readonly type: "alert.firing";
}

/** It is over. Told where its beginning was. */
export interface AlertResolved extends AboutAlert {
  readonly type: "alert.resolved";
  readonly cause: AlertEnd;
}

export type AlertChanged = AlertFiring | AlertResolved;
