import fc from "fast-check";
import { expect, test } from "vitest";
import type { Reply, Worth } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import { type AttemptEnded, decide, decideUndone, MAX_HINT_MS } from "../../src/spool/decide.ts";
import { createAnswer } from "../help/exchange.ts";

const RETRY = { attempts: 3 };

function ended(reply: Reply, worth: Worth, more: Partial<AttemptEnded> = {}) {
  const known = { trial: false, aborted: false, repeatable: true, attempts: 0, expiresInMs: 1e9, backoffMs: 500 };
  return decide({ reply, worth, ...known, ...more }, RETRY);
}

const answer = (status: number, more = {}): Reply =>
  createAnswer({ status, worth: "transient", reason: "status", ...more });
const timeout = fault("timeout", "late", { written: true });

test("a good answer delivers", () => {
  expect(ended(createAnswer(), "ok")).toEqual({ kind: "delivered" });
});

test("a failing app is tried again after the backoff, and the attempt is spent", () => {
  expect(ended(answer(500), "transient")).toEqual({ kind: "again", delayMs: 500, spent: true });
  expect(ended(timeout, "transient", { attempts: 1 })).toEqual({ kind: "again", delayMs: 500, spent: true });
});

test("with its last attempt it dies", () => {
  expect(ended(answer(500), "transient", { attempts: 2 })).toMatchObject({
    kind: "dead",
    reason: "attempts_exhausted",
  });
  const invalid = answer(200, { reason: "invalid_response" });
  expect(ended(invalid, "transient", { attempts: 2 })).toMatchObject({ kind: "dead", reason: "invalid_response" });
});

test("Retry-After is waited for where it is longer than the backoff, for an hour at most", () => {
  expect(ended(answer(429, { retryAfterMs: 9000 }), "push_back")).toMatchObject({ kind: "again", delayMs: 9000 });
  expect(ended(answer(429, { retryAfterMs: 10 }), "push_back")).toMatchObject({ delayMs: 500 });
  expect(ended(answer(503, { retryAfterMs: 1e8 }), "push_back")).toMatchObject({ delayMs: MAX_HINT_MS });
});

test("a permanent answer is the end at once; 410 means that nobody is there any more", () => {
  expect(ended(answer(422), "permanent")).toMatchObject({ kind: "dead", reason: "permanent_status" });
  expect(ended(answer(410), "permanent")).toMatchObject({ kind: "dead", reason: "gone" });
});

test("the trial of a half-open breaker spends no attempt, even where it would be the last", () => {
  expect(ended(answer(500), "transient", { trial: true, attempts: 2 })).toMatchObject({ kind: "again", spent: false });
});

test("what we ended ourselves spends no attempt and is due at once", () => {
  expect(ended(timeout, "ignored", { aborted: true })).toEqual({ kind: "again", delayMs: 0, spent: false });
});

test("what an open breaker or full slots refused was not sent: it waits", () => {
  expect(ended(fault("breaker_open", "open"), "ignored")).toEqual({ kind: "wait" });
});

test("a forbidden address is a try like any other: it is repeated, spends attempts even as a trial, and ends", () => {
  const closed = fault("egress", "10.0.0.7 is a private address");
  expect(ended(closed, "ignored")).toEqual({ kind: "again", delayMs: 500, spent: true });
  expect(ended(closed, "ignored", { trial: true, repeatable: false })).toMatchObject({ kind: "again", spent: true });
  expect(ended(closed, "ignored", { trial: true, attempts: 2 })).toEqual({
    kind: "dead",
    reason: "attempts_exhausted",
    detail: "egress: 10.0.0.7 is a private address",
  });
});

test("what was sent and may not be repeated is dead; what was not written may be", () => {
  expect(ended(timeout, "transient", { repeatable: false })).toMatchObject({ kind: "dead" });
  expect(ended(fault("connect", "refused"), "transient", { repeatable: false })).toMatchObject({ kind: "again" });
});

test("a wait beyond its life is its end", () => {
  expect(ended(answer(500), "transient", { expiresInMs: 400 })).toMatchObject({ kind: "dead", reason: "expired" });
});

test("a good answer that was not followed by the deed is an attempt like any other, with a reason of its own", () => {
  const known = { detail: "why", repeatable: true, attempts: 0, expiresInMs: 1e9, backoffMs: 500 };
  const reason = "verification_failed";
  expect(decideUndone(known, RETRY)).toEqual({ kind: "again", delayMs: 500, spent: true });
  expect(decideUndone({ ...known, attempts: 1 }, RETRY)).toMatchObject({ kind: "again" });
  expect(decideUndone({ ...known, attempts: 2 }, RETRY)).toEqual({ kind: "dead", reason, detail: "why" });
  expect(decideUndone({ ...known, repeatable: false }, RETRY)).toMatchObject({ kind: "dead", reason });
  expect(decideUndone({ ...known, expiresInMs: 500 }, RETRY)).toMatchObject({ kind: "dead", reason: "expired" });
});

test("no job is tried more often than its attempts allow, whatever the app does", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.constantFrom(500, 503, 429, 408)), (statuses) => {
      let attempts = 0;
      for (const status of statuses) {
        const verdict = ended(answer(status), status === 429 ? "push_back" : "transient", { attempts });
        if (verdict.kind !== "again") break;
        expect(++attempts).toBeLessThan(RETRY.attempts);
      }
      expect(attempts).toBe(RETRY.attempts - 1);
    }),
  );
});
