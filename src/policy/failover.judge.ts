import type { MoveReason } from "../core/health.ts";
import type { AppSettings, FailoverSettings, HealthSettings } from "../core/settings.ts";
import type { Signs } from "./failover.signs.ts";

/** What the signs of one upstream say. */

export interface Rules {
  readonly failover: FailoverSettings;
  readonly health: Pick<HealthSettings, "unhealthyAfter" | "healthyAfter">;
  /** Of each member. Smaller is preferred. */
  readonly priorities: readonly number[];
}

export function rulesOf({ failover, health, upstreams }: AppSettings): Rules {
  return { failover, health, priorities: upstreams.map(({ priority }) => priority) };
}

/** Which trigger of `failover` has fired; null for none. Any one is enough. */
export function troubleOf(signs: Signs, { failover, health }: Rules): MoveReason | null {
  if (signs.probeFailures >= health.unhealthyAfter) return "probe";
  if (signs.consecutive >= failover.consecutiveFailures) return "consecutive_failures";
  if (signs.total < failover.minSamples) return null;
  if (successRate(signs) < failover.minSuccessRate) return "success_rate";
  return signs.meanMs > failover.maxResponseTimeMs ? "response_time" : null;
}

/** Do all criteria of recovery hold? */
export function isWell(signs: Signs, { failover, health }: Rules): boolean {
  const { maxResponseTimeMs, minSuccessRate } = failover.recovery;
  return (
    signs.probeSuccesses >= health.healthyAfter &&
    !signs.degraded &&
    !signs.objected &&
    successRate(signs) >= minSuccessRate &&
    signs.meanMs <= maxResponseTimeMs
  );
}

/** One request in this many may fail at most under `min_success_rate`, but no more are asked for. */
const MAX_PROOF = 200;

/**
 * Were there `successes` good trials in a row since `since`? Where they come quickly that is too little to tell an
 * upstream that fails one in ten from one that is well, so within the hold there must be as many as `min_success_rate`
 * speaks of.
 */
export function isProven(
  { good, since }: { readonly good: number; readonly since: number },
  now: number,
  { failover }: Rules,
): boolean {
  const { successes, minSuccessRate, holdMs } = failover.recovery;
  if (good < successes) return false;
  const telling = Math.min(Math.ceil(100 / Math.max(100 - minSuccessRate, 0.01)), MAX_PROOF);
  return good >= telling || now - since >= holdMs;
}

/** Percent; 100 where nothing was counted. */
export function successRate({ total, bad }: Pick<Signs, "total" | "bad">): number {
  return total === 0 ? 100 : ((total - bad) * 100) / total;
}
