import { expect, onTestFinished, test } from "vitest";
import { type AlertDeps, type AlertService, openAlerts } from "../../src/alerts/alerts.ts";
import type { AlertSources, CallReading } from "../../src/alerts/port.ts";
import type { AlertRule } from "../../src/core/alert.ts";
import type { OutriggerEvent } from "../../src/core/events.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { alertRule } from "../help/alerts.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { tempDir } from "../storage/support.ts";

/** The service on a real history.db, a clock moved by hand, and one route whose calls go as `rate` says. */

const MINUTE = 60_000;
const ROUTE = { app: "quiz", capability: "winner" };

interface Rig {
  readonly clock: ReturnType<typeof createManualClock>;
  /** The success rate; a promise stands for a source that takes its time. */
  rate: number | Promise<never>;
  routes: readonly (typeof ROUTE)[];
  readonly told: string[];
  readonly warned: string[];
  open(given?: Partial<AlertDeps>): Promise<AlertService>;
  /** Moves the clock on, and waits for what that began. */
  pass(alerts: AlertService, ms: number): Promise<void>;
}

function rig(): Rig {
  const clock = createManualClock();
  const dataDir = tempDir();
  const calls = async (): Promise<readonly CallReading[]> => {
    const successRate = await all.rate;
    return [{ ...ROUTE, samples: 100, successRate, timeoutRate: 0, p50: 1, p95: 1, p99: 1 }];
  };
  const sources: AlertSources = {
    routes: () => all.routes,
    apps: () => [{ app: "quiz", upstreams: [{ upstream: "primary", consecutiveFailures: 9 }] }],
    breakers: () => [],
    spool: async () => ({ oldestAgeMs: null, routes: [] }),
    moves: async () => [],
    verifications: async () => [],
    calls,
  };
  const all: Rig = {
    clock,
    rate: 50,
    routes: [ROUTE],
    told: [],
    warned: [],
    async open(given = {}) {
      const storage = await openStorage({ dataDir, clock, onEvent: () => undefined });
      const alerts = await openAlerts({
        clock,
        emit: (event: OutriggerEvent) => void all.told.push(`${event.type} ${"id" in event ? event.id : ""}`),
        sources,
        store: storage.history.alerts,
        readRules: (written) => JSON.parse(written) as AlertRule[],
        warn: (message) => void all.warned.push(message),
        ...given,
      });
      const close = async (): Promise<void> => {
        await alerts[Symbol.asyncDispose]();
        await storage.close();
      };
      onTestFinished(close);
      return { ...alerts, [Symbol.asyncDispose]: close };
    },
    async pass(alerts, ms) {
      clock.advance(ms);
      // Asked for now: it comes after the one that the timer began, or is the same.
      await alerts.check();
    },
  };
  return all;
}

const LOW = alertRule();
const settings = (rules: readonly AlertRule[] = [LOW], intervalMs = 5 * MINUTE) => ({
  intervalMs,
  repeatEveryMs: 60 * MINUTE,
  rules,
});
const FIRING = "alert.firing low-success:quiz:winner";
const RESOLVED = "alert.resolved low-success:quiz:winner";

test("the first check comes ten seconds after the start, or sooner where the interval is shorter", async () => {
  for (const [intervalMs, firstMs] of [
    [5 * MINUTE, 10_000],
    [2_000, 2_000],
  ] as const) {
    const own = rig();
    const alerts = await own.open();
    alerts.apply(settings([LOW], intervalMs));
    own.clock.advance(firstMs - 1);
    expect(alerts.list()).toEqual([]);
    await own.pass(alerts, 1);
    expect(own.told).toEqual([FIRING]);
  }
});

test("the rules are checked on their interval; a reload with another one counts from the last check", async () => {
  const own = rig();
  let asked = 0;
  const alerts = await own.open();
  Object.defineProperty(own, "rate", {
    get() {
      asked++;
      return 99;
    },
  });
  alerts.apply(settings());
  await alerts.check();
  expect(asked).toBe(1);
  own.clock.advance(5 * MINUTE - 1);
  expect(asked).toBe(1);
  await own.pass(alerts, 1);
  expect(asked).toBe(2);
  own.clock.advance(2 * MINUTE);
  alerts.apply(settings([LOW], 3 * MINUTE));
  await own.pass(alerts, MINUTE - 1);
  const before = asked;
  own.clock.advance(3 * MINUTE);
  await alerts.check();
  expect(asked - before).toBe(1);
});

test("after a restart what was told is not told again before its time, and what was over is known", async () => {
  const own = rig();
  const first = await own.open();
  first.apply(settings());
  await own.pass(first, 5 * MINUTE);
  await first[Symbol.asyncDispose]();
  const second = await own.open();
  expect(second.list()).toMatchObject([{ id: "low-success:quiz:winner", phase: "firing", told: true }]);
  second.apply(settings());
  await own.pass(second, 5 * MINUTE);
  expect(own.told).toEqual([FIRING]);
  own.rate = 99;
  await own.pass(second, 5 * MINUTE);
  expect(own.told).toEqual([FIRING, RESOLVED]);
  await second[Symbol.asyncDispose]();
  own.rate = 50;
  const third = await own.open();
  third.apply(settings());
  await own.pass(third, 5 * MINUTE);
  expect(own.told).toEqual([FIRING, RESOLVED]);
  await own.pass(third, 60 * MINUTE);
  expect(own.told).toEqual([FIRING, RESOLVED, FIRING]);
});

test("an alert whose route or rule went with a restart is over, and nobody is told", async () => {
  for (const gone of ["route", "rule"] as const) {
    const own = rig();
    const first = await own.open();
    first.apply(settings());
    await own.pass(first, 5 * MINUTE);
    await first[Symbol.asyncDispose]();
    const second = await own.open();
    if (gone === "route") own.routes = [];
    second.apply(settings(gone === "rule" ? [] : [LOW]));
    await own.pass(second, 5 * MINUTE);
    expect([gone, own.told]).toEqual([gone, [FIRING]]);
    expect(second.list()).toMatchObject([{ phase: "resolved", cause: "gone" }]);
  }
});

test("a silence outlives the process", async () => {
  const own = rig();
  const first = await own.open();
  first.apply(settings());
  await own.pass(first, 5 * MINUTE);
  const silence = { until: own.clock.wall() + 90 * MINUTE, by: "ops", reason: "known" };
  expect(first.silence("low-success:quiz:winner", silence)).toMatchObject({ silence });
  expect(first.silence("other", silence)).toBe(null);
  await first[Symbol.asyncDispose]();
  const second = await own.open();
  second.apply(settings());
  await own.pass(second, 70 * MINUTE);
  expect(second.find("low-success:quiz:winner")?.silence).toEqual(silence);
  expect(own.told).toEqual([FIRING]);
  await own.pass(second, 20 * MINUTE);
  expect(own.told).toEqual([FIRING, FIRING]);
});

test("rules set at run time are checked at once, stand through reloads and restarts, and can be taken back", async () => {
  const own = rig();
  const first = await own.open();
  first.apply(settings([]));
  expect(first.rules()).toEqual({ rules: [], set: null });
  const at = own.clock.wall();
  await first.setRules([LOW], JSON.stringify([LOW]), "ops");
  expect(own.told).toEqual([FIRING]);
  expect(first.firing()).toEqual([{ rule: "low-success", alerts: 1 }]);
  await first[Symbol.asyncDispose]();
  const second = await own.open();
  second.apply(settings([alertRule({ name: "other" })]));
  expect(second.rules()).toEqual({ rules: [LOW], set: { by: "ops", at } });
  expect(await second.resetRules()).toBe(true);
  expect(second.rules()).toMatchObject({ rules: [{ name: "other" }], set: null });
  expect(second.list()).toMatchObject([
    { rule: "other", phase: "firing" },
    { rule: "low-success", phase: "resolved", cause: "gone" },
  ]);
  expect(await second.resetRules()).toBe(false);
});

test("a manifest that comes while a check is under way is checked by its own rules, right after", async () => {
  const own = rig();
  const alerts = await own.open();
  alerts.apply(settings());
  const check = alerts.check();
  // Until it waits for its source.
  while (own.clock.pending() < 2) await Promise.resolve();
  alerts.apply(settings([alertRule({ name: "other" })]));
  await check;
  expect(own.told).toEqual([]);
  // Nobody asks for it, and the clock stands still.
  while (own.told.length === 0) await new Promise(setImmediate);
  expect(own.told).toEqual(["alert.firing other:quiz:winner"]);
});

test("rules that can't be read any more are told of, and the manifest's are in force", async () => {
  const own = rig();
  const first = await own.open();
  await first.setRules([], "[]", "ops");
  await first[Symbol.asyncDispose]();
  const second = await own.open({ readRules: () => null });
  second.apply(settings());
  expect(second.rules()).toMatchObject({ rules: [LOW], set: null });
  expect(own.warned).toEqual([expect.stringContaining("that ops set can't be read")]);
});

test("a source that does not answer in time holds up neither the other rules nor the end", async () => {
  const own = rig();
  const never = new Promise<never>(() => undefined);
  const alerts = await own.open();
  const health = alertRule({ name: "unhealthy", metric: "health_failures", below: null, above: 2, overMs: null });
  alerts.apply(settings([LOW, alertRule({ name: "slow", metric: "p95" }), health]));
  own.rate = never;
  const check = alerts.check();
  // Until it waits.
  while (own.clock.pending() < 2) await Promise.resolve();
  own.clock.advance(10_000);
  await check;
  expect(own.told).toEqual(["alert.firing unhealthy:quiz:primary"]);
  void alerts.check();
  await Promise.resolve();
  await alerts[Symbol.asyncDispose]();
  expect(own.clock.pending()).toBe(0);
});

test("while nothing can be kept alerts are told all the same, and kept once it can", async () => {
  const own = rig();
  let full = true;
  const kept: unknown[] = [];
  const alerts = await own.open({
    store: {
      load: async () => [],
      rules: async () => null,
      setRules: () => Promise.reject(new Error("disk full")),
      async save(changes) {
        if (full) throw new Error("disk full");
        kept.push(...changes.saved.map(({ id }) => id));
      },
    },
  });
  alerts.apply(settings());
  await own.pass(alerts, 5 * MINUTE);
  expect(own.told).toEqual([FIRING]);
  await expect(alerts.setRules([], "[]", "ops")).rejects.toThrow("disk full");
  expect(alerts.rules().rules).toEqual([LOW]);
  full = false;
  await own.pass(alerts, 5 * MINUTE);
  expect(kept).toEqual(["low-success:quiz:winner"]);
});
