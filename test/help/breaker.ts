import type { BreakerSettings } from "../../src/core/settings.route.ts";

/** A breaker as a manifest that names nothing of it would have it. */
export const BREAKER: BreakerSettings = {
  enabled: true,
  failures: 5,
  recoveryMs: 60_000,
  recoveryMaxMs: 300_000,
  successes: 3,
  probes: 1,
  failureRate: 50,
  windowMs: 10_000,
  minSamples: 20,
  dryRun: false,
};
