import type { FailoverSettings, HealthSettings } from "../../src/core/settings.ts";

/** The defaults of an app with a backup. */
export const HEALTH: HealthSettings = {
  path: "/health",
  pathNamed: false,
  intervalMs: 2_000,
  timeoutMs: 1_000,
  unhealthyAfter: 2,
  healthyAfter: 5,
  fastIntervalMs: 500,
  expect: [{ from: 200, to: 299 }],
};

export const FAILOVER: FailoverSettings = {
  consecutiveFailures: 3,
  maxResponseTimeMs: 5_000,
  minSuccessRate: 95,
  hangAfterMs: 1_000,
  windowMs: 60_000,
  minSamples: 20,
  recovery: { successes: 5, maxResponseTimeMs: 2_000, minSuccessRate: 98, holdMs: 30_000, holdMaxMs: 600_000 },
};
