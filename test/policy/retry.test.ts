import { expect, test } from "vitest";
import type { Reply, Send } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import type { RetrySettings } from "../../src/core/settings.route.ts";
import { createBreakers } from "../../src/policy/breaker.ts";
import { createRetryBudget } from "../../src/policy/budget.ts";
import { createBulkhead } from "../../src/policy/bulkhead.ts";
import { UNWATCHED } from "../../src/policy/failover.cell.ts";
import { type RetryPlan, retrying } from "../../src/policy/retry.ts";
import { createTarget } from "../../src/policy/target.ts";
import { BREAKER } from "../help/breaker.ts";
import { createAnswer, createExchange } from "../help/exchange.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

const RETRY: RetrySettings = {
  attempts: 2,
  initialMs: 100,
  maxMs: 1000,
  factor: 2,
  jitter: "none",
  budget: 20,
  maxAgeMs: 0,
  repeat: "safe",
  transient: [],
  permanent: [],
};
const OK = createAnswer();
const FAILING = createAnswer({ worth: "transient", reason: "status", status: 500 });
const REFUSED = fault("connect", "refused");
const RESET = fault("reset", "closed", { written: true });
const TIMEOUT = fault("timeout", "late", { written: true });

interface Scripted {
  readonly clock: ManualClock;
  readonly sends: { readonly upstream: string; readonly tryMs: number; readonly at: number }[];
  readonly send: Send;
  readonly stands: readonly { serving: boolean; returning: boolean }[];
  /** Sends, and moves the clock on until the reply is there. */
  readonly run: Send;
}

/** A retry over scripted upstreams: each send takes the next reply of its upstream, the last one for ever. */
function scripted(
  upstreams: Record<string, readonly Reply[]>,
  given: Partial<RetrySettings> = {},
  max = 8,
  priority?: number,
): Scripted {
  const clock = createManualClock();
  const random = createSeededRandom(1);
  const sends: Scripted["sends"] = [];
  const stands = Object.keys(upstreams).map((_, i) => ({ ...UNWATCHED, rank: priority ?? i }));
  const breakers = createBreakers({ clock, emit: () => undefined, persist: () => undefined });
  const retry = { ...RETRY, ...given };
  const worthOf: RetryPlan["worthOf"] = (reply) =>
    reply.kind === "answer" ? reply.worth : reply.kind === "fault" && reply.aborted ? "ignored" : "transient";
  const targets = Object.entries(upstreams).map(([name, replies], i) => {
    let n = 0;
    const slots = createBulkhead({ max, queue: 0 });
    return createTarget(
      {
        name,
        weight: 1,
        health: stands[i] ?? UNWATCHED,
        watched: null,
        breaker: breakers.cell({ app: "a", capability: "c", upstream: name, url: "http://x" }, BREAKER),
        slots,
        budget: createRetryBudget(),
        budgetPercent: retry.budget,
        worthOf,
        send: async (x) => {
          sends.push({ upstream: name, tryMs: x.tryMs, at: clock.now() });
          const reply = replies[Math.min(n++, replies.length - 1)] as Reply;
          if (reply.kind === "fault" && reply.reason === "timeout") clock.advance(x.tryMs);
          slots.leave();
          return reply;
        },
      },
      clock,
    );
  });
  const plan: RetryPlan = { retry, attemptTimeoutMs: null, targets, worthOf, timeoutIsTransient: true };
  const send = retrying(plan, { clock, random });
  return {
    clock,
    sends,
    send,
    stands,
    run: async (x) => {
      const reply = send(x);
      let settled = false;
      void reply.then(() => {
        settled = true;
      });
      // Every microtask the tries need, then the clock to the next timer, until the reply is there.
      for (let i = 0; i < 2000 && !settled; i++) {
        await Promise.resolve();
        if (i % 20 === 19 && clock.pending() > 0) clock.advance(100);
      }
      return reply;
    },
  };
}

test("a good answer needs one try, with all the time there is", async () => {
  const { run, sends } = scripted({ primary: [OK] });
  const x = createExchange();
  expect(await run(x)).toBe(OK);
  expect(sends).toEqual([{ upstream: "primary", tryMs: 5000, at: 0 }]);
  expect(x.attempts).toMatchObject([{ n: 0, upstream: "primary", worth: "ok" }]);
  expect(x.retries).toEqual([]);
});

test("a POST without a key is tried once when the app answers 500, and the reason why not again is recorded", async () => {
  const { run, sends } = scripted({ primary: [FAILING, OK] });
  const x = createExchange();
  expect(await run(x)).toBe(FAILING);
  expect(sends).toHaveLength(1);
  expect(x.denied).toBe("not_repeatable");
});

test("a repeatable request is tried again after its backoff, and shares its time between the tries", async () => {
  const { run, sends } = scripted({ primary: [FAILING, OK] });
  const x = createExchange({ repeatable: true });
  expect(await run(x)).toBe(OK);
  expect(sends).toEqual([
    { upstream: "primary", tryMs: 2450, at: 0 },
    { upstream: "primary", tryMs: 4900, at: 100 },
  ]);
  expect(x.retries).toEqual(["status"]);
  expect(x.waitedMs).toBe(100);
});

test("a try that timed out leaves the time of its share to the next", async () => {
  const { run, sends } = scripted({ primary: [TIMEOUT, OK] });
  expect(await run(createExchange({ repeatable: true }))).toBe(OK);
  expect(sends.map((send) => send.tryMs)).toEqual([2450, 2450]);
});

test("a refused connection is tried again for any method, outside attempts, but not for ever", async () => {
  const { run, sends } = scripted({ primary: [REFUSED, REFUSED, OK] });
  const x = createExchange();
  expect(await run(x)).toBe(REFUSED);
  expect(sends).toHaveLength(2);
  expect(x.denied).toBe("attempts");
});

test("a refused connection moves the very request to a backup at once, whatever its method", async () => {
  const { run, sends } = scripted({ primary: [REFUSED], backup: [OK] });
  const x = createExchange();
  expect(await run(x)).toBe(OK);
  expect(sends.map(({ upstream, at }) => [upstream, at])).toEqual([
    ["primary", 0],
    ["backup", 0],
  ]);
});

test("a move does not count against attempts: when the backup fails too, one more try is left", async () => {
  const { run, sends } = scripted({ primary: [RESET, OK], backup: [FAILING] });
  const x = createExchange({ repeatable: true });
  expect(await run(x)).toBe(OK);
  expect(sends.map((send) => send.upstream)).toEqual(["primary", "backup", "primary"]);
});

test("what was written and may not be repeated is not moved either", async () => {
  const { run, sends } = scripted({ primary: [RESET], backup: [OK] });
  const x = createExchange();
  expect(await run(x)).toBe(RESET);
  expect(sends).toHaveLength(1);
  expect(x.denied).toBe("not_repeatable");
});

test("three repeats at once are always free; more than the budget are not made, and that is recorded", async () => {
  const { run } = scripted({ primary: [FAILING, FAILING, FAILING, FAILING, OK] }, { budget: 0 });
  const calls = Array.from({ length: 4 }, () => createExchange({ repeatable: true }));
  const replies = await Promise.all(calls.map(run));
  expect(replies).toEqual([OK, OK, OK, FAILING]);
  expect(calls.map((x) => x.denied)).toEqual([null, null, null, "budget"]);
});

test("a breaker that opens between two tries ends them with the answer there was, and is named as the reason", async () => {
  const { run, sends } = scripted({ primary: [FAILING] }, { attempts: 9, initialMs: 1, maxMs: 1, budget: 100 });
  const x = createExchange({ repeatable: true });
  expect(await run(x)).toBe(FAILING);
  expect(sends).toHaveLength(5);
  expect(x.denied).toBe("breaker_open");
});

test("after the breaker's threshold nothing more is sent: the caller gets the last answer, later ones the open breaker", async () => {
  const { run, sends } = scripted({ primary: [FAILING] });
  for (let i = 0; i < 5; i++) await run(createExchange());
  expect(sends).toHaveLength(5);
  expect(await run(createExchange())).toMatchObject({ kind: "fault", reason: "breaker_open", upstream: "primary" });
  expect(sends).toHaveLength(5);
});

test("an upstream whose address may not be dialled is left for good, and costs no try of the others", async () => {
  const closed = fault("egress", "10.0.0.7 is a private address");
  const { run, sends } = scripted({ primary: [closed], backup: [FAILING, OK] });
  expect(await run(createExchange({ repeatable: true }))).toBe(OK);
  expect(sends.map(({ upstream }) => upstream)).toEqual(["primary", "backup", "backup"]);
  const alone = scripted({ primary: [closed, OK] });
  expect(await alone.run(createExchange({ repeatable: true }))).toBe(closed);
  expect(alone.sends).toHaveLength(1);
});

test("full slots and a full queue are overload, and cost no try", async () => {
  const { run, sends } = scripted({ primary: [OK] }, {}, 0);
  const x = createExchange();
  expect(await run(x)).toMatchObject({ kind: "fault", reason: "overload", retryAfterMs: 1000 });
  expect(sends).toEqual([]);
  expect(x.attempts).toEqual([]);
});

test("a caller that leaves during a backoff ends it, without another try", async () => {
  const { send, sends, clock } = scripted({ primary: [FAILING, OK] });
  const x = createExchange({ repeatable: true });
  const reply = send(x);
  await new Promise(setImmediate);
  x.gone = true;
  x.onGone?.();
  expect(await reply).toMatchObject({ kind: "fault", aborted: true });
  expect(sends).toHaveLength(1);
  expect(clock.pending()).toBe(0);
});

test("traffic that leaves an upstream during a backoff takes the repeat along", async () => {
  const { send, sends, stands, clock } = scripted({ primary: [FAILING, RESET], backup: [FAILING, OK] });
  const reply = send(createExchange({ repeatable: true }));
  await new Promise(setImmediate);
  expect(sends.map(({ upstream }) => upstream)).toEqual(["primary", "backup"]);
  Object.assign(stands[0] as object, { serving: false });
  clock.advance(100);
  expect(await reply).toBe(OK);
  expect(sends.map(({ upstream }) => upstream)).toEqual(["primary", "backup", "backup"]);
});

test("no repeat waits for an upstream that is returning: it takes one request at a time, and each would come at once", async () => {
  const { run, sends, stands } = scripted({ primary: [OK], backup: [FAILING, OK] });
  Object.assign(stands[0] as object, { serving: false, returning: true, trying: true });
  const reply = run(createExchange({ repeatable: true }));
  Object.assign(stands[0] as object, { trying: false });
  expect(await reply).toBe(OK);
  expect(sends.map(({ upstream }) => upstream)).toEqual(["backup", "backup"]);
});

test("Retry-After of an upstream is never shortened by a move away and back", async () => {
  const busy = createAnswer({ worth: "push_back", reason: "status", status: 503, retryAfterMs: 3000 });
  const { run, sends } = scripted({ primary: [busy, OK], backup: [FAILING] });
  expect(await run(createExchange({ repeatable: true, deadlineAt: 9000 }))).toBe(OK);
  expect(sends.map(({ upstream, at }) => [upstream, at])).toEqual([
    ["primary", 0],
    ["backup", 0],
    ["primary", 3000],
  ]);
});

test("a Retry-After beyond the deadline ends the tries on that upstream only", async () => {
  const busy = createAnswer({ worth: "push_back", reason: "status", status: 503, retryAfterMs: 60_000 });
  const { run, sends } = scripted({ primary: [busy], backup: [FAILING, OK] });
  const x = createExchange({ repeatable: true });
  expect(await run(x)).toBe(OK);
  expect(sends.map((send) => send.upstream)).toEqual(["primary", "backup", "backup"]);
});

test("refused connections are bounded on each upstream, however often the request goes from one to the other", async () => {
  for (let i = 0; i < 20; i++) {
    const { run, sends } = scripted({ one: [REFUSED], other: [REFUSED] }, {}, 8, 0);
    const x = createExchange();
    expect(await run(x)).toBe(REFUSED);
    for (const name of ["one", "other"]) {
      expect(sends.filter((send) => send.upstream === name).length).toBeLessThanOrEqual(2);
    }
    expect(x.denied).toBe("attempts");
  }
});

test("a large failing answer is let go before another try, so that it holds neither slot nor connection", async () => {
  const ended: string[] = [];
  const stream = { pipe: () => undefined, resume: () => undefined, abort: () => void ended.push("stream") };
  const large = createAnswer({ worth: "transient", reason: "status", status: 500, stream });
  const { run, sends } = scripted({ primary: [large, OK] });
  expect(await run(createExchange({ repeatable: true }))).toBe(OK);
  expect(sends).toHaveLength(2);
  expect(ended).toEqual(["stream"]);
});

test("a large failing answer that is not repeated is passed on as it streams", async () => {
  const ended: string[] = [];
  const stream = { pipe: () => undefined, resume: () => undefined, abort: () => void ended.push("stream") };
  const large = createAnswer({ worth: "transient", reason: "status", status: 500, stream });
  const { run } = scripted({ primary: [large] });
  expect(await run(createExchange())).toBe(large);
  expect(ended).toEqual([]);
});
