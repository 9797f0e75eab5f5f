import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffCeilingMs, backoffMs } from "../../src/policy/backoff.ts";
import { decide, MIN_TRY_MS, type TryEnded, tryTimeMs } from "../../src/policy/retry.decide.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

const FAILED: TryEnded = {
  worth: "transient",
  written: true,
  pushedBack: false,
  retryAfterMs: null,
  repeatable: true,
  counted: 1,
  unwritten: 0,
  attempts: 3,
  untried: false,
  backoffMs: 50,
  leftMs: 5000,
};

test("a good, a final and an unwanted answer end the tries and deny nothing", () => {
  for (const worth of ["ok", "permanent", "ignored"] as const) {
    expect(decide({ ...FAILED, worth })).toEqual({ kind: "done", denied: null });
  }
});

test("a transient failure that was written is repeated only where repeating is allowed", () => {
  expect(decide(FAILED)).toEqual({ kind: "repeat", waitMs: 50, free: false });
  expect(decide({ ...FAILED, repeatable: false })).toEqual({ kind: "done", denied: "not_repeatable" });
});

test("a try of which nothing was written may be followed by another whatever the method, outside attempts and budget", () => {
  const refused = { ...FAILED, written: false, repeatable: false, counted: 3, unwritten: 1 };
  expect(decide(refused)).toEqual({ kind: "repeat", waitMs: 50, free: true });
  expect(decide({ ...refused, unwritten: 3 })).toEqual({ kind: "done", denied: "attempts" });
});

test("an answer of 429 or 503 may be repeated without a key, since the app said that it did nothing", () => {
  const pushed = { ...FAILED, worth: "push_back", pushedBack: true, repeatable: false } as const;
  expect(decide(pushed)).toEqual({ kind: "repeat", waitMs: 50, free: false });
});

test("Retry-After is never shortened: one within the time left is waited for, one beyond it ends the tries", () => {
  expect(decide({ ...FAILED, retryAfterMs: 2000 })).toEqual({ kind: "repeat", waitMs: 2000, free: false });
  expect(decide({ ...FAILED, retryAfterMs: 6000 })).toEqual({ kind: "done", denied: "retry_after" });
});

test("an untried upstream is moved to at once, whatever Retry-After and attempts say", () => {
  expect(decide({ ...FAILED, untried: true, counted: 3, retryAfterMs: 60_000 })).toEqual({ kind: "move" });
  expect(decide({ ...FAILED, untried: true, repeatable: false })).toEqual({ kind: "done", denied: "not_repeatable" });
  expect(decide({ ...FAILED, untried: true, leftMs: 99 })).toEqual({ kind: "done", denied: "deadline" });
});

test("attempts and the deadline end the tries, each by its name", () => {
  expect(decide({ ...FAILED, counted: 3 })).toEqual({ kind: "done", denied: "attempts" });
  expect(decide({ ...FAILED, leftMs: 149 })).toEqual({ kind: "done", denied: "deadline" });
});

test("whatever happened, a repeat leaves time for a try within the deadline", () => {
  fc.assert(
    fc.property(
      fc.record({
        worth: fc.constantFrom("ok", "permanent", "transient", "push_back", "ignored" as const),
        written: fc.boolean(),
        pushedBack: fc.boolean(),
        retryAfterMs: fc.option(fc.nat(100_000)),
        repeatable: fc.boolean(),
        counted: fc.nat(5),
        unwritten: fc.nat(5),
        attempts: fc.integer({ min: 1, max: 5 }),
        untried: fc.boolean(),
        backoffMs: fc.nat(5000),
        leftMs: fc.integer({ min: -100, max: 30_000 }),
      }),
      (ended) => {
        const verdict = decide(ended as TryEnded);
        if (verdict.kind === "repeat") {
          return verdict.waitMs + MIN_TRY_MS <= ended.leftMs && verdict.waitMs >= (ended.retryAfterMs ?? 0);
        }
        return verdict.kind === "done" || ended.leftMs >= MIN_TRY_MS;
      },
    ),
  );
});

test("the only try gets all the time left; several share what the backoffs leave", () => {
  expect(tryTimeMs({ leftMs: 10_000, capMs: null, sharers: 1, comingBackoffMs: 0 })).toBe(10_000);
  expect(tryTimeMs({ leftMs: 10_000, capMs: null, sharers: 2, comingBackoffMs: 1000 })).toBe(4500);
  expect(tryTimeMs({ leftMs: 10_000, capMs: 2000, sharers: 2, comingBackoffMs: 1000 })).toBe(2000);
  expect(tryTimeMs({ leftMs: 300, capMs: null, sharers: 3, comingBackoffMs: 290 })).toBe(MIN_TRY_MS);
  expect(tryTimeMs({ leftMs: 40, capMs: null, sharers: 3, comingBackoffMs: 0 })).toBe(40);
});

test("backoff doubles up to its maximum; full jitter lies under it, equal jitter in its upper half", () => {
  const retry = { attempts: 9, initialMs: 100, maxMs: 1000, factor: 2, budget: 20, maxAgeMs: 0 } as const;
  const settings = { ...retry, repeat: "safe", transient: [], permanent: [] } as const;
  const none = { ...settings, jitter: "none" } as const;
  const random = createSeededRandom(3);
  expect([1, 2, 3, 4, 5, 6].map((n) => backoffMs(none, n, random))).toEqual([100, 200, 400, 800, 1000, 1000]);
  for (let n = 1; n < 8; n++) {
    const ceiling = backoffCeilingMs(none, n);
    const full = backoffMs({ ...settings, jitter: "full" }, n, random);
    const equal = backoffMs({ ...settings, jitter: "equal" }, n, random);
    expect(full).toBeGreaterThanOrEqual(0);
    expect(full).toBeLessThan(ceiling);
    expect(equal).toBeGreaterThanOrEqual(ceiling / 2);
    expect(equal).toBeLessThan(ceiling);
  }
});
