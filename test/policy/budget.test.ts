import fc from "fast-check";
import { expect, test } from "vitest";
import { createRetryBudget, RETRIES_IN_FLIGHT } from "../../src/policy/budget.ts";

test("three retries may be in flight even where nothing was sent", () => {
  const budget = createRetryBudget();
  expect([1, 2, 3, 4].map(() => budget.tryRetry(0, 20))).toEqual([true, true, true, false]);
  budget.retryEnded();
  expect(budget.tryRetry(0, 20)).toBe(true);
  expect(budget.inFlight).toBe(RETRIES_IN_FLIGHT);
});

test("beyond three, retries are a fifth of the first tries", () => {
  const budget = createRetryBudget();
  for (let i = 0; i < 100; i++) budget.sent(i);
  let made = 0;
  while (budget.tryRetry(500, 20)) {
    budget.sent(500);
    made++;
  }
  expect(made).toBe(20);
});

test("a budget of 0 leaves the three in flight", () => {
  const budget = createRetryBudget();
  for (let i = 0; i < 1000; i++) budget.sent(0);
  expect([1, 2, 3, 4].map(() => budget.tryRetry(0, 0))).toEqual([true, true, true, false]);
});

test("what was sent ten seconds ago no longer earns retries", () => {
  const budget = createRetryBudget();
  for (let i = 0; i < 100; i++) budget.sent(0);
  for (let i = 0; i < 3; i++) budget.tryRetry(0, 20);
  expect(budget.tryRetry(9_999, 20)).toBe(true);
  expect(budget.tryRetry(10_000, 20)).toBe(false);
  expect(budget.tryRetry(1e9, 20)).toBe(false);
});

test("ending more retries than began does not widen the budget", () => {
  const budget = createRetryBudget();
  budget.retryEnded();
  expect([1, 2, 3, 4].map(() => budget.tryRetry(0, 20))).toEqual([true, true, true, false]);
});

test("under any traffic an upstream sees at most the share, and three more in flight", () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 0, max: 3000 }),
    sends: fc.integer({ min: 0, max: 50 }),
    wanted: fc.integer({ min: 0, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 100 }), (steps, percent) => {
      const budget = createRetryBudget();
      const sentAt: number[] = [];
      const retriedAt: number[] = [];
      let now = 0;
      for (const { afterMs, sends, wanted } of steps) {
        now += afterMs;
        for (let i = 0; i < sends; i++) {
          budget.sent(now);
          sentAt.push(now);
        }
        for (let i = 0; i < wanted; i++) {
          const inFlight = budget.inFlight;
          if (!budget.tryRetry(now, percent)) break;
          budget.sent(now);
          retriedAt.push(now);
          const since = Math.floor(now / 1000) - 9;
          const inWindow = (at: number): boolean => Math.floor(at / 1000) >= since;
          const share = (sentAt.filter(inWindow).length * percent) / 100;
          if (inFlight >= RETRIES_IN_FLIGHT) expect(retriedAt.filter(inWindow).length).toBeLessThanOrEqual(share);
        }
        while (budget.inFlight > 1) budget.retryEnded();
      }
    }),
  );
});

test("an app that fails at a thousand requests a second sees at most 1.2 times the traffic", () => {
  const budget = createRetryBudget();
  let sends = 0;
  // Each request wants two repeats; a repeat is in flight for 60 ms, its backoff included.
  const ends: number[] = [];
  for (let now = 0; now < 30_000; now++) {
    while ((ends[0] ?? Number.POSITIVE_INFINITY) <= now) {
      ends.shift();
      budget.retryEnded();
    }
    budget.sent(now);
    sends++;
    for (let i = 0; i < 2 && budget.tryRetry(now, 20); i++) {
      ends.push(now + 60);
      budget.sent(now);
      sends++;
    }
  }
  expect(sends / 30_000).toBeLessThanOrEqual(1.2 + 0.001);
  expect(sends / 30_000).toBeGreaterThan(1.15);
});
