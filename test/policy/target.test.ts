import { expect, test } from "vitest";
import type { Exchange } from "../../src/core/exchange.ts";
import { createBreakers } from "../../src/policy/breaker.ts";
import { createRetryBudget } from "../../src/policy/budget.ts";
import { type Bulkhead, createBulkhead } from "../../src/policy/bulkhead.ts";
import { UNWATCHED } from "../../src/policy/failover.cell.ts";
import { createTarget } from "../../src/policy/target.ts";
import { createAnswer, createExchange } from "../help/exchange.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";

const BREAKER = {
  enabled: true,
  failures: 1,
  recoveryMs: 1000,
  recoveryMaxMs: 1000,
  successes: 1,
  probes: 1,
  failureRate: 50,
  windowMs: 10_000,
  minSamples: 20,
  dryRun: false,
};

/** One upstream with one slot, held by somebody else until `slots.leave()`. */
function held(clock: ManualClock, left: () => void = () => undefined) {
  const slots: Bulkhead = createBulkhead({ max: 1, queue: 1 });
  slots.tryEnter();
  const breakers = createBreakers({ clock, emit: () => undefined, persist: () => undefined });
  const breaker = breakers.cell({ app: "a", capability: "c", upstream: "primary", url: "http://x" }, BREAKER);
  const sent: Exchange[] = [];
  const target = createTarget(
    {
      name: "primary",
      weight: 1,
      health: UNWATCHED,
      watched: null,
      breaker,
      slots,
      budget: createRetryBudget(),
      budgetPercent: 20,
      worthOf: () => "ok",
      send: async (x) => {
        sent.push(x);
        left();
        slots.leave();
        return createAnswer();
      },
    },
    clock,
  );
  return { target, slots, breaker, sent };
}

test("a slot that comes in time is used, with the time that the wait has left", async () => {
  const clock = createManualClock();
  const { target, slots, sent } = held(clock);
  const x = createExchange({ deadlineAt: 1000, tryMs: 1000 });
  const reply = target.send(x);
  clock.advance(400);
  slots.leave();
  expect(await reply).toMatchObject({ kind: "answer" });
  expect(sent[0]?.tryMs).toBe(600);
  expect(x.waitedMs).toBe(400);
  expect(slots.inUse).toBe(0);
});

test("a slot that comes in the turn in which time runs out is given back, and nothing is sent", async () => {
  const clock = createManualClock();
  const { target, slots, sent, breaker } = held(clock);
  const reply = target.send(createExchange({ deadlineAt: 1000, tryMs: 1000 }));
  clock.advance(999.5);
  slots.leave();
  expect(await reply).toMatchObject({ kind: "fault", reason: "overload", retryAfterMs: 1000 });
  expect(sent).toEqual([]);
  expect(slots.inUse).toBe(0);
  expect(breaker.snapshot(clock.now())).toMatchObject({ state: "closed", consecutiveFailures: 0 });
});

test("a caller that left in that turn is sent nowhere, and leaves no mark on the breaker", async () => {
  const clock = createManualClock();
  const { target, slots, sent, breaker } = held(clock);
  const x = createExchange({ deadlineAt: 1000, tryMs: 1000 });
  const reply = target.send(x);
  slots.leave();
  x.gone = true;
  expect(await reply).toMatchObject({ kind: "fault", aborted: true });
  expect(sent).toEqual([]);
  expect(slots.inUse).toBe(0);
  expect(breaker.snapshot(clock.now()).windowTotal).toBe(0);
});
