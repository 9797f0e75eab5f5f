import { expect, onTestFinished, test } from "vitest";
import { type AlertingDeps, openAlerting } from "../../src/app/alerts.ts";
import type { AlertRule } from "../../src/core/alert.ts";
import { emptyTally, statsOf } from "../../src/core/calls.ts";
import { createEventBus, type OutriggerEvent } from "../../src/core/events.ts";
import type { Manifest } from "../../src/core/settings.ts";
import type { NewMove } from "../../src/core/stored.ts";
import type { BreakerSnapshot } from "../../src/policy/breaker.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { ALERTS_AT as AT, alertRule } from "../help/alerts.ts";
import { OPENED } from "../help/breaker.ts";
import { breakerMoved } from "../help/events.ts";
import { appHealth, newMove } from "../help/failover.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { tempDir } from "../storage/support.ts";

/** What alerts measure, from the real history. */

const HOUR = 3_600_000;

const QUIZ = { app: "quiz", capability: "winner", upstream: "primary" };
const OPEN: BreakerSnapshot = {
  ...QUIZ,
  url: "http://127.0.0.1:9",
  ...OPENED,
  since: AT,
  until: AT + HOUR,
};

async function alertingOf(rules: readonly AlertRule[], given: Partial<AlertingDeps> = {}) {
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
    ...given,
  };
  const alerts = await openAlerting(deps);
  onTestFinished(() => alerts[Symbol.asyncDispose]());
  alerts.apply({
    routes: [{ app: { name: "quiz" }, capability: "winner" }],
    alerts: { intervalMs: HOUR, repeatEveryMs: HOUR, rules },
  } as unknown as Manifest);
  return { alerts, told, clock, history: storage.history };
}

test("failovers are counted within `over`, but for what an operator or a new manifest moved", async () => {
  const rule = alertRule({ name: "moves", metric: "failover", below: null, above: 1, overMs: HOUR, minSamples: 0 });
  const { alerts, told, history } = await alertingOf([rule]);
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
  const { alerts, told, history } = await alertingOf([rule]);
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
  const { alerts, told } = await alertingOf([rule]);
  await alerts.check();
  expect([told, alerts.list()]).toEqual([[], []]);
});

const BREAKER = alertRule({ name: "open", metric: "breaker_open", below: null, above: 0, overMs: null, minSamples: 0 });

/** On a bus of its own: the rule about breakers and these; `asked` counts how often a source was. */
async function breakersOpen(...others: readonly AlertRule[]) {
  const asked = { breakers: 0, calls: 0 };
  let open = [OPEN];
  const list = (): BreakerSnapshot[] => {
    asked.breakers++;
    return open;
  };
  const totalsByRoute = async () => {
    asked.calls++;
    return [{ app: "quiz", capability: "winner", stats: { ...statsOf(emptyTally()), judged: 100, successRate: 0.5 } }];
  };
  const bus = createEventBus((error) => {
    throw error;
  });
  const all = await alertingOf([BREAKER, ...others], { bus, breakers: { list }, calls: { totalsByRoute } });
  await all.alerts.check();
  expect(all.alerts.find("open:quiz:winner")).toMatchObject({ phase: "firing" });
  return {
    ...all,
    asked,
    shut: () => {
      open = [];
    },
    async closes(times = 1) {
      for (let n = 0; n < times; n++) {
        bus.emit(breakerMoved({ type: "breaker.closed", ...QUIZ, until: null, cause: "recovered" }));
        await turns();
      }
    },
  };
}

/** Enough of them for a check that began to be done. */
async function turns(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise(setImmediate);
}

test("a breaker that closes again and again while others stay open is checked once in a second, not each time", async () => {
  const { asked, clock, closes } = await breakersOpen();
  await closes(20);
  expect(asked.breakers).toBe(1);
  clock.advance(1_000);
  await turns();
  expect(asked.breakers).toBe(2);
});

test("when one closes breakers alone are judged: what fired about them is over, all else stays as it was", async () => {
  const { alerts, asked, clock, closes, shut } = await breakersOpen(alertRule());
  expect(asked).toEqual({ breakers: 1, calls: 1 });
  const low = alerts.find("low-success:quiz:winner");
  expect(low).toMatchObject({ phase: "firing" });
  shut();
  await closes();
  clock.advance(1_000);
  await turns();
  expect(alerts.find("open:quiz:winner")).toMatchObject({ phase: "resolved", cause: "recovered" });
  expect(alerts.find("low-success:quiz:winner")).toEqual(low);
  expect(asked).toEqual({ breakers: 2, calls: 1 });
});
