import type { z } from "zod";
import { ALERT_METRICS, type AlertRule } from "../core/alert.ts";
import type { AlertSettings } from "../core/settings.service.ts";
import type { Environment } from "./environment.ts";
import type { alertRules } from "./schema.alerts.ts";
import type { ManifestEntry } from "./schema.ts";
import { formatDuration } from "./units.ts";

/** Alerts with their defaults filled in, and rules back in the form in which they are written. */

type RuleEntry = z.output<typeof alertRules>[number];

const HOUR_MS = 3_600_000;

const DEFAULT_RULES: readonly RuleEntry[] = [
  { name: "low-success", metric: "success_rate", below: 95, over: HOUR_MS, min_samples: 20 },
  { name: "slow", metric: "p95", above: 5000, over: HOUR_MS, min_samples: 20 },
  { name: "breaker-open", metric: "breaker_open", for: 300_000 },
  { name: "dlq-growing", metric: "dlq_size", above: 100 },
  { name: "unhealthy", metric: "health_failures", above: 2 },
];

export function resolveAlerts(alerts: ManifestEntry["alerts"] = {}, env: Environment): AlertSettings {
  return {
    intervalMs: env.number("ALERT_CHECK_INTERVAL") ?? alerts.interval ?? 300_000,
    repeatEveryMs: alerts.repeat_every ?? HOUR_MS,
    rules: (alerts.rules ?? DEFAULT_RULES).map(resolveAlertRule),
  };
}

export function resolveAlertRule(rule: RuleEntry): AlertRule {
  return {
    name: rule.name,
    metric: rule.metric,
    below: rule.below ?? null,
    above: rule.above ?? null,
    overMs: rule.over ?? (ALERT_METRICS[rule.metric].over ? HOUR_MS : null),
    forMs: rule.for ?? null,
    minSamples: rule.min_samples ?? 0,
    apps: rule.apps ?? null,
    capabilities: rule.capabilities ?? null,
  };
}

/** A rule as the manifest would write it: what is read back is the same rule. */
export function writtenAlertRule(rule: AlertRule) {
  const { name, metric, below, above, overMs, forMs, minSamples, apps, capabilities } = rule;
  const inTime = ALERT_METRICS[metric].unit === "ms";
  const bound = (value: number) =>
    inTime && Number.isSafeInteger(value) && value >= 0 ? formatDuration(value) : value;
  return {
    name,
    metric,
    ...(below !== null && { below: bound(below) }),
    ...(above !== null && { above: bound(above) }),
    ...(overMs !== null && { over: formatDuration(overMs) }),
    ...(forMs !== null && { for: formatDuration(forMs) }),
    ...(minSamples > 0 && { min_samples: minSamples }),
    ...(apps !== null && { apps }),
    ...(capabilities !== null && { capabilities }),
  };
}
