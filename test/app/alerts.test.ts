import { expect, onTestFinished, test } from "vitest";
import { type AlertingDeps, openAlerting } from "../../src/app/alerts.ts";
import type { AlertRule } from "../../src/core/alert.ts";
import type { OutriggerEvent } from "../../src/core/events.ts";
import type { Manifest } from "../../src/core/settings.ts";
import type { NewMove } from "../../src/core/stored.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { ALERTS_AT as AT, alertRule } from "../help/alerts.ts";
import { appHealth, newMove } from "../help/failover.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { tempDir } from "../storage/support.ts";

/** What alerts measure, from the real history. */

const HOUR = 3_600_000;

async function alertingOf(rule: AlertRule) {
  const clock = createManualClock(AT);
  const storage = await openStorage({ dataDir: tempDir(), clock, onEvent: () => undefined });
  onTestFinished(() => storage.close());
  const told: OutriggerEvent[] = [];
  const deps: AlertingDeps = {
    clock,
    bus: { emit: (event) => void told.push(event), on: () => () => undefined },
    log: { warn: () => undefined },
    history: storage.history,
    breakers: { list: () => [] },
    failovers: { list: () => [appHealth()] },
    deliveries: { spool: { survey: () => Promise.reject(new Error("away")) } } as unknown as AlertingDeps["deliveries"],
    calls: { totalsByRoute: async () => [] },
  };
  const alerts = await openAlerting(deps);
  onTestFinished(() => alerts[Symbol.asyncDispose]());
  alerts.apply({
    routes: [{ app: { name: "quiz" }, capability: "winner" }],
    alerts: { intervalMs: HOUR, repeatEveryMs: HOUR, rules: [rule] },
  } as unknown as Manifest);
  return { alerts, told, history: storage.history };
}

test("failovers are counted within `over`, but for what an operator or a new manifest moved", async () => {
  const rule = alertRule({ name: "moves", metric: "failover", below: null, above: 1, overMs: HOUR, minSamples: 0 });
  const { alerts, told, history } = await alertingOf(rule);
  const moved = (given: Partial<NewMove>) => history.addMove(newMove({ app: "quiz", kind: "failover", ...given }));
  moved({ at: AT - HOUR - 1, reason: "hang" });
  moved({ at: AT - 4000, reason: "probe" });
  moved({ at: AT - 3000, kind: "failback", reason: "recovered" });
  moved({ at: AT - 2000, reason: "operator", by: "ops" });
  moved({ at: AT - 1000, reason: "manifest" });
  await alerts.check();
  expect(told).toEqual([]);
  moved({ at: AT - 500, reason: "hang", from: "primary", to: "backup" });
  await alerts.check();
  expect(told).toMatchObject([
    {
      type: "alert.firing",
      id: "moves:quiz",
      value: 2,
      summary: "quiz: 2 failovers, above 1, over 1h; last from primary to backup (hang)",
    },
  ]);
});

test("verifications are counted by whole hours", async () => {
  const rule = alertRule({ name: "v", metric: "verification_failures", below: null, above: 2, minSamples: 10 });
  const { alerts, told, history } = await alertingOf(rule);
  const hour = AT / HOUR;
  const row = { app: "quiz", capability: "winner", verified: 0, failed: 0, unverified: 0 };
  await history.addVerifications([
    { ...row, hour: hour - 2, failed: 50 },
    { ...row, hour: hour - 1, failed: 2, verified: 5 },
  ]);
  await alerts.check();
  expect(told).toEqual([]);
  await history.addVerifications([{ ...row, hour, unverified: 1, verified: 2 }]);
  await alerts.check();
  expect(told).toMatchObject([{ id: "v:quiz:winner", value: 3, unit: "count", threshold: 2 }]);
});

test("while the spool does not answer, nothing is said of dead letters", async () => {
  const rule = alertRule({ name: "dead", metric: "dlq_size", below: 5, above: null, overMs: null, minSamples: 0 });
  const { alerts, told } = await alertingOf(rule);
  await alerts.check();
  expect([told, alerts.list()]).toEqual([[], []]);
});
