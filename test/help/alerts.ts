import type { AlertAdmin } from "../../src/admin/services.alerts.ts";
import type { Reading } from "../../src/alerts/port.ts";
import type { Alert, AlertRule } from "../../src/core/alert.ts";

/** Rules, readings and alerts with the fields a test cares about replaced. */

export const ALERTS_AT = 1_767_225_600_000;

export function alertRule(given: Partial<AlertRule> = {}): AlertRule {
  return {
    name: "low-success",
    metric: "success_rate",
    below: 95,
    above: null,
    overMs: 3_600_000,
    forMs: null,
    minSamples: 20,
    apps: null,
    capabilities: null,
    ...given,
  };
}

export function reading(given: Partial<Reading> = {}): Reading {
  return {
    app: "quiz",
    capability: "winner",
    upstream: null,
    value: 80,
    samples: 100,
    since: null,
    note: null,
    ...given,
  };
}

export function alertOf(given: Partial<Alert> = {}): Alert {
  return {
    id: "low-success:quiz:winner",
    rule: "low-success",
    metric: "success_rate",
    app: "quiz",
    capability: "winner",
    upstream: null,
    phase: "firing",
    since: ALERTS_AT,
    firedAt: ALERTS_AT,
    resolvedAt: null,
    cause: null,
    toldAt: ALERTS_AT,
    told: true,
    knownAt: ALERTS_AT,
    value: 80,
    threshold: 95,
    summary: "quiz/winner: success rate 80 % is below 95 %, over 1h (100 calls)",
    silence: null,
    ...given,
  };
}

/** Alerts held in memory, as the admin listener asks for them; rules can be neither set nor reset. */
export function testAlerts(alerts: readonly Alert[] = [], given: Partial<AlertAdmin> = {}): AlertAdmin {
  const held = new Map(alerts.map((alert) => [alert.id, alert]));
  return {
    list: () => [...held.values()],
    find: (id) => held.get(id) ?? null,
    rules: () => ({
      set: null,
      interval: "5m",
      repeatEvery: "1h",
      rules: [{ name: "low-success", metric: "success_rate", below: 95, over: "1h", min_samples: 20 }],
    }),
    setRules: async () => [],
    resetRules: async () => false,
    silence(id, silence) {
      const alert = held.get(id);
      if (alert === undefined) return null;
      held.set(id, { ...alert, silence });
      return { ...alert, silence };
    },
    ...given,
  };
}
