import fc from "fast-check";
import { expect, test } from "vitest";
import {
  APP_RATE,
  createSchemaBudgets,
  freeMs,
  LEAST_MS,
  PROCESS_RATE,
  type SchemaBudget,
} from "../../src/policy/response.schema.budget.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";

const EVER = Number.POSITIVE_INFINITY;

/** A check that would take `wantMs`: stopped at its limit. Returns what it took, or null where it was not made. */
function check(budget: SchemaBudget, clock: ManualClock, wantMs: number, bytes = 0): number | null {
  const limitMs = budget.limitMs(bytes);
  if (limitMs === null) return null;
  const usedMs = Math.min(wantMs, limitMs);
  clock.advance(usedMs);
  budget.spend(bytes, usedMs);
  return usedMs;
}

const answer = fc.record({
  gapMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3000, noNaN: true })),
  app: fc.nat(7),
  bytes: fc.nat(1 << 20),
  wantMs: fc.oneof(fc.constant(EVER), fc.double({ min: 0, max: 40, noNaN: true })),
});

test("whatever apps answer, no window of time holds more than the process's rate, nor of an app's than its own", () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 60 }), (answers) => {
      const clock = createManualClock();
      const createBudget = createSchemaBudgets(clock);
      const budgets = Array.from({ length: 8 }, createBudget);
      const spent: { at: number; app: number; ms: number }[] = [];
      for (const { gapMs, app, bytes, wantMs } of answers) {
        clock.advance(gapMs);
        const usedMs = check(budgets[app] as SchemaBudget, clock, wantMs, bytes);
        if (usedMs !== null) spent.push({ at: clock.now(), app, ms: Math.max(0, usedMs - freeMs(bytes)) });
      }
      for (const [i, first] of spent.entries()) {
        let all = 0;
        let own = 0;
        for (const { at, app, ms } of spent.slice(i)) {
          all += ms;
          if (app === first.app) own += ms;
          const seconds = (at - first.at) / 1000;
          expect(all).toBeLessThanOrEqual(PROCESS_RATE.burstMs + PROCESS_RATE.msPerSecond * seconds + 1e-6);
          expect(own).toBeLessThanOrEqual(APP_RATE.burstMs + APP_RATE.msPerSecond * seconds + 1e-6);
        }
      }
    }),
  );
});

test("the budget of the process is at most 100 ms in any second", () => {
  expect(PROCESS_RATE.burstMs + PROCESS_RATE.msPerSecond).toBeLessThanOrEqual(100);
});

test("checks that cost what an answer costs anyway are never refused, however many", () => {
  const clock = createManualClock();
  const budget = createSchemaBudgets(clock)();
  for (let i = 0; i < 10_000; i++) {
    budget.spend(1 << 20, freeMs(1 << 20));
    expect(budget.limitMs(0)).toBe(Math.floor(APP_RATE.burstMs + freeMs(0)));
  }
});

test("two apps whose answers take for ever never keep a third one's from being checked", () => {
  const clock = createManualClock();
  const createBudget = createSchemaBudgets(clock);
  const [one, two, third] = [createBudget(), createBudget(), createBudget()];
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    if (check(one, clock, EVER) === null) refused++;
    if (check(two, clock, EVER) === null) refused++;
    expect(check(third, clock, 0.5)).toBe(0.5);
  }
  expect(refused).toBeGreaterThan(3000);
});

test("with less than the least that a check needs, it is refused; a second later there is some again", () => {
  const clock = createManualClock();
  const budget = createSchemaBudgets(clock)();
  expect(check(budget, clock, EVER)).toBe(Math.floor(APP_RATE.burstMs + freeMs(0)));
  expect(check(budget, clock, 0)).toBeNull();
  clock.advance(1000);
  expect(budget.limitMs(0)).toBeGreaterThanOrEqual(LEAST_MS);
});

test("a check stopped late is paid back first", () => {
  const clock = createManualClock();
  const budget = createSchemaBudgets(clock)();
  budget.spend(0, APP_RATE.burstMs + freeMs(0) + 20);
  clock.advance(2000);
  expect(budget.limitMs(0)).toBeNull();
  clock.advance(500);
  expect(budget.limitMs(0)).toBe(Math.floor(LEAST_MS + freeMs(0)));
});

test("what comes back never exceeds a full bucket", () => {
  const clock = createManualClock();
  const budget = createSchemaBudgets(clock)();
  clock.advance(1e9);
  expect(budget.limitMs(0)).toBe(Math.floor(APP_RATE.burstMs + freeMs(0)));
});
