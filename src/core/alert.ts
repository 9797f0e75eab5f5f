/** Words of alerts: what a rule may measure, and what an alert is while it lasts. Times are Unix milliseconds. */

/** What one alert of a metric is about: a route, an upstream of an app, an app, or the spool as a whole. */
export type AlertScope = "route" | "upstream" | "app" | "spool";

export type AlertUnit = "percent" | "ms" | "count";

export interface AlertMetricInfo {
  readonly scope: AlertScope;
  readonly unit: AlertUnit;
  /** Is it measured over a span of time? Else it is what is so at the moment of the check. */
  readonly over: boolean;
  /** Is it made of single results, so that few of them say little? */
  readonly sampled: boolean;
  /** Any of it is trouble, so a rule needs no bound. */
  readonly any: boolean;
  /** In words, as in "the success rate". */
  readonly words: string;
}

const NOW = { over: false, sampled: false, any: false } as const;
const CALLS = { scope: "route", over: true, sampled: true, any: false } as const;

/** The closed list of what a rule may measure. */
export const ALERT_METRICS = {
  success_rate: { ...CALLS, unit: "percent", words: "success rate" },
  timeout_rate: { ...CALLS, unit: "percent", words: "timeout rate" },
  p50: { ...CALLS, unit: "ms", words: "median duration" },
  p95: { ...CALLS, unit: "ms", words: "95th percentile of durations" },
  p99: { ...CALLS, unit: "ms", words: "99th percentile of durations" },
  breaker_open: { ...NOW, scope: "route", unit: "count", any: true, words: "breakers that are not closed" },
  dlq_size: { ...NOW, scope: "spool", unit: "count", words: "dead letters" },
  spool_jobs: { ...NOW, scope: "spool", unit: "count", words: "deliveries that wait" },
  spool_age: { ...NOW, scope: "spool", unit: "ms", words: "age of the oldest delivery" },
  health_failures: { ...NOW, scope: "upstream", unit: "count", words: "failures in a row" },
  failover: { scope: "app", unit: "count", over: true, sampled: false, any: true, words: "failovers" },
  verification_failures: { ...CALLS, unit: "count", any: true, words: "good answers that were not verified" },
} as const satisfies Readonly<Record<string, AlertMetricInfo>>;

export type AlertMetric = keyof typeof ALERT_METRICS;
export const ALERT_METRIC_NAMES = Object.keys(ALERT_METRICS) as readonly AlertMetric[];

export function isAlertMetric(name: string): name is AlertMetric {
  return Object.hasOwn(ALERT_METRICS, name);
}

export interface AlertRule {
  readonly name: string;
  readonly metric: AlertMetric;
  /** In the metric's unit. Where both are null, anything above 0 is trouble. */
  readonly below: number | null;
  readonly above: number | null;
  /** null for a metric that is not measured over a time. */
  readonly overMs: number | null;
  /** How long it must hold; null: one check is enough. */
  readonly forMs: number | null;
  readonly minSamples: number;
  /** Only these; null stands for all. */
  readonly apps: readonly string[] | null;
  readonly capabilities: readonly string[] | null;
}

/** What an alert is about; what does not apply is null. */
export interface AlertSubject {
  readonly app: string | null;
  readonly capability: string | null;
  readonly upstream: string | null;
}

/**
 * `pending`: it holds, but not yet for as long as its rule asks; `firing`; `resolved`: it fired lately. Why it resolved
 * is its `cause`.
 */
export type AlertPhase = "pending" | "firing" | "resolved";

/**
 * Why an alert ended: it is well again; for the rule's whole time too little was measured to say anything; or its
 * rule or subject is gone.
 */
export type AlertEnd = "recovered" | "too_few_samples" | "gone";

/** No event says anything of the alert until then. */
export interface AlertSilence {
  readonly until: number;
  /** The operator's token. */
  readonly by: string;
  readonly reason: string | null;
}

/** One rule about one subject. */
export interface Alert extends AlertSubject {
  /** Names it through restarts: the rule and the subject. */
  readonly id: string;
  readonly rule: string;
  readonly metric: AlertMetric;
  readonly phase: AlertPhase;
  /** Since when the trouble holds, or of one that is over, held. */
  readonly since: number;
  readonly firedAt: number | null;
  readonly resolvedAt: number | null;
  readonly cause: AlertEnd | null;
  /** When an event last said that it fires … */
  readonly toldAt: number | null;
  /** … and whether one did since it began to fire: only then one says that it is over. */
  readonly told: boolean;
  /** When a check last could say anything about it. */
  readonly knownAt: number;
  /** As measured then, beside the bound it was measured against. */
  readonly value: number;
  readonly threshold: number;
  /** A sentence for people. */
  readonly summary: string;
  readonly silence: AlertSilence | null;
}

/** An alert as it is kept: when it was last known is a matter of the process that knew. */
export type StoredAlert = Omit<Alert, "knownAt">;

/** Rules that an operator set in place of the manifest's, as JSON in the manifest's form. */
export interface StoredAlertRules {
  readonly rules: string;
  readonly by: string;
  readonly at: number;
}

/** What must be written so that the alerts are on disk as they are. */
export interface AlertChanges {
  readonly saved: readonly StoredAlert[];
  readonly removed: readonly string[];
}

/** What is kept through restarts. Every promise may reject. */
export interface AlertStore {
  load(): Promise<readonly StoredAlert[]>;
  save(changes: AlertChanges): Promise<void>;
  /** What an operator set in place of the manifest's rules; null where nobody did. */
  rules(): Promise<StoredAlertRules | null>;
  /** null: back to the manifest's. */
  setRules(rules: StoredAlertRules | null): Promise<void>;
}
