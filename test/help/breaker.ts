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

/** Of a snapshot, what a breaker with these settings shows after five failures in a row that followed one another closely. */
export const OPENED = {
  state: "open",
  consecutiveFailures: 5,
  windowTotal: 5,
  windowFailures: 5,
  generation: 2,
  reopenings: 0,
  dryRun: false,
  enabled: true,
} as const;
