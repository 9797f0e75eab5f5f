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
    successRate(signs) >= minSuccessRate &&
    signs.meanMs <= maxResponseTimeMs
  );
}

/** Percent; 100 where nothing was counted. */
export function successRate({ total, bad }: Pick<Signs, "total" | "bad">): number {
  return total === 0 ? 100 : ((total - bad) * 100) / total;
}
