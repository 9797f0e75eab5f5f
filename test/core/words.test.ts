import { expect, test } from "vitest";
import { sleep } from "../../src/core/clock.ts";
import { createEventBus, EVENT_TYPES, type OutriggerEvent } from "../../src/core/events.ts";
import { fault, faultStatus, proxyErrorOf } from "../../src/core/fault.ts";
import { isRequestId, randomHex, uuidv7 } from "../../src/core/ids.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { OUTCOMES, outcomeField, REASONS, STRATEGIES } from "../../src/core/outcome.ts";
import { systemRandom } from "../../src/core/random.ts";
import { createManualClock } from "../help/manual-clock.ts";

test("an outcome is a Structured Field of tokens, for every combination of the closed lists", () => {
  expect(outcomeField("ok")).toBe("ok");
  expect(outcomeField("failed", "connect")).toBe("failed;reason=connect");
  for (const outcome of OUTCOMES) {
    for (const reason of REASONS) {
      for (const strategy of STRATEGIES) {
        expect(outcomeField(outcome, reason, strategy)).toMatch(/^[a-z_]+;reason=[a-z_]+;strategy=[a-z_]+$/);
      }
    }
  }
});

test("every reason has its error type of RFC 9209, every fault its status", () => {
  for (const reason of REASONS) expect(proxyErrorOf(reason)).toMatch(/^[a-z_]+$/);
  expect((["timeout", "deadline"] as const).map(faultStatus)).toEqual([504, 504]);
  expect((["breaker_open", "no_upstream", "overload"] as const).map(faultStatus)).toEqual([503, 503, 503]);
  expect((["connect", "tls", "dns", "reset", "invalid_response", "egress"] as const).map(faultStatus)).toEqual([
    502, 502, 502, 502, 502, 502,
  ]);
  expect(fault("connect", "refused")).toMatchObject({ written: false, aborted: false, retryAfterMs: null });
});

test("ids are UUIDs of version 7 that sort by time, and a caller's id is kept only in a harmless form", () => {
  const clock = createManualClock();
  const ids: string[] = [];
  for (let i = 0; i < 50; i++) {
    ids.push(uuidv7(clock, systemRandom));
    clock.advance(1);
  }
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
  expect(["a", "A.b_c:d-1", "x".repeat(128)].map(isRequestId)).toEqual([true, true, true]);
  expect(["", "a b", "x".repeat(129), "a\n", "ä", "../a"].map(isRequestId)).toEqual(Array(6).fill(false));
  expect(randomHex(systemRandom, 8)).toMatch(/^[0-9a-f]{16}$/);
});

test("random bytes beyond the pool and picks below one are served too", () => {
  expect(systemRandom.bytes(10_000)).toHaveLength(10_000);
  expect(systemRandom.bytes(3000).equals(systemRandom.bytes(3000))).toBe(false);
  expect([systemRandom.below(0), systemRandom.below(1)]).toEqual([0, 0]);
  expect(systemRandom.below(5)).toBeLessThan(5);
  expect(systemRandom.float()).toBeLessThan(1);
});

test("the ledger books what fits and nothing else, and a smaller limit holds from the next booking", () => {
  const ledger = createMemoryLedger(100);
  expect(ledger.take(60)).toBe(true);
  expect(ledger.take(41)).toBe(false);
  expect(ledger.held).toBe(60);
  ledger.limit = 50;
  expect(ledger.take(1)).toBe(false);
  ledger.give(60);
  expect(ledger.take(50)).toBe(true);
});

test("a listener that throws hurts neither the sender nor the other listeners, and is reported", () => {
  const errors: unknown[] = [];
  const heard: string[] = [];
  const bus = createEventBus((error) => errors.push(error));
  bus.on(() => {
    throw new Error("full disk");
  });
  const off = bus.on((event) => heard.push(event.type));
  for (const type of EVENT_TYPES) bus.emit({ type, at: 0 } as OutriggerEvent);
  off();
  bus.emit({ type: "redis.back", at: 0, detail: "", durationMs: 0 });
  expect(heard).toEqual([...EVENT_TYPES]);
  expect(errors).toHaveLength(EVENT_TYPES.length + 1);
});

test("sleep ends when its time has come", async () => {
  const clock = createManualClock();
  let woke = false;
  const sleeping = sleep(clock, 100).then(() => {
    woke = true;
  });
  clock.advance(99);
  await Promise.resolve();
  expect(woke).toBe(false);
  clock.advance(1);
  await sleeping;
  expect(woke).toBe(true);
});
