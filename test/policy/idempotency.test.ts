import { expect, test } from "vitest";
import type { Answer, Exchange, Reply, Substitute } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import { createIdempotencyKeys } from "../../src/policy/idempotency.keys.ts";
import {
  type Admission,
  createIdempotency,
  type First,
  type Idempotency,
  isFinal,
} from "../../src/policy/idempotency.ts";
import type { AnswerToKeep } from "../../src/spool/port.ts";
import { createAnswerStore } from "../help/answer-store.ts";
import { createAnswer, createExchange } from "../help/exchange.ts";
import { createManualClock } from "../help/manual-clock.ts";

const TTL_MS = 60_000;
const QUIZ = { app: "quiz", capability: "winner" };
const WINNER: AnswerToKeep = { status: 200, headers: ["A", "b"], body: Buffer.from("Ada"), outcome: "ok" };

function bench(keys = createIdempotencyKeys()) {
  const clock = createManualClock();
  const answers = createAnswerStore(clock);
  const deps = { clock, answers, keys };
  const settings = { header: "idempotency-key", ttlMs: TTL_MS };
  const idempotency = createIdempotency(QUIZ, settings, deps);
  /** The same store under a process that has just begun. */
  const restarted = (): Idempotency => createIdempotency(QUIZ, settings, { ...deps, keys: createIdempotencyKeys() });
  const request = (body = "one", key = "k1", more: Partial<Exchange> = {}): Exchange =>
    createExchange({
      headers: ["Idempotency-Key", key],
      body: Buffer.from(body),
      deadlineAt: clock.now() + 5000,
      ...more,
    });
  const admit = (body?: string, key?: string): Promise<Admission> => idempotency.admit(request(body, key));
  const first = async (body?: string, key?: string): Promise<First> => {
    const admission = await admit(body, key);
    if (admission.kind !== "first") throw new Error(`${admission.kind} is not first`);
    return admission.first;
  };
  return { clock, answers, deps, keys, idempotency, restarted, request, admit, first };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("a request without a key goes on as if there were no idempotency; one with a bad key does not", async () => {
  const { idempotency, answers, admit } = bench();
  expect(await idempotency.admit(createExchange())).toEqual({ kind: "keyless" });
  expect(await admit("one", "k".repeat(256))).toEqual({ kind: "unusable", problem: "too_long" });
  expect(answers.recalls).toBe(0);
});

test("while the first runs its repeats are told so, and another body is a conflict", async () => {
  const { admit, first } = bench();
  const running = await first();
  expect(await admit()).toEqual({ kind: "running" });
  expect(await admit("two")).toEqual({ kind: "conflict" });
  running.free();
  running.free();
  expect((await admit("two")).kind).toBe("first");
});

test("an end of an earlier run does not free the key of a later one", async () => {
  const { admit, first } = bench();
  const earlier = await first();
  earlier.free();
  await first();
  earlier.free();
  expect(await admit()).toEqual({ kind: "running" });
});

test("when the first has its answer its repeats get it, from the store, until the ttl is over", async () => {
  const { clock, admit, first, request, keys } = bench();
  await (await first()).keep(request(), WINNER);
  expect(keys.kept.entries).toBe(0);
  const replay = { kind: "replay", answer: { status: 200, headers: ["A", "b"], outcome: "ok" } };
  expect(await admit()).toMatchObject(replay);
  expect(await admit("two")).toEqual({ kind: "conflict" });
  clock.advance(TTL_MS - 1);
  expect(await admit()).toMatchObject(replay);
  clock.advance(1);
  expect((await admit("two")).kind).toBe("first");
});

test("after a restart the answer is still there", async () => {
  const { first, request, restarted } = bench();
  await (await first()).keep(request(), WINNER);
  expect(await restarted().admit(request())).toMatchObject({ kind: "replay" });
});

test("a reload's plan knows what runs under the plan before it, and other routes have keys of their own", async () => {
  const { deps, first, request } = bench();
  await first();
  const settings = { header: "idempotency-key", ttlMs: 5 };
  expect(await createIdempotency(QUIZ, settings, deps).admit(request())).toEqual({ kind: "running" });
  const other = createIdempotency({ app: "quiz", capability: "loser" }, settings, deps);
  expect((await other.admit(request())).kind).toBe("first");
});

test("repeats that come while the store is asked share its word, and none of them is told to wait", async () => {
  const { answers, admit, first, request } = bench();
  await (await first()).keep(request(), WINNER);
  answers.recalling = "hold";
  const asking = [admit(), admit(), admit("two")];
  await turn();
  expect(answers.recalls).toBe(2);
  answers.release("recall");
  expect((await Promise.all(asking)).map(({ kind }) => kind)).toEqual(["replay", "replay", "conflict"]);
});

test("repeats that come while the store is asked for a new key wait for the one that runs", async () => {
  const { answers, admit } = bench();
  answers.recalling = "hold";
  const asking = [admit(), admit(), admit("two")];
  answers.release("recall");
  expect((await Promise.all(asking)).map(({ kind }) => kind)).toEqual(["first", "running", "conflict"]);
});

test("the answer is stored before it is given: until then its repeats are told to wait", async () => {
  const { answers, admit, first, request } = bench();
  answers.remembering = "hold";
  const running = await first();
  let given = false;
  const keeping = running.keep(request(), WINNER).then(() => {
    given = true;
  });
  await turn();
  expect(given).toBe(false);
  expect(await admit()).toEqual({ kind: "running" });
  answers.release("remember");
  await keeping;
  expect(await admit()).toMatchObject({ kind: "replay" });
});

test("a store that is slow costs the caller 250 ms; its repeats get the answer from memory until it is stored", async () => {
  const { clock, answers, admit, first, request, keys } = bench();
  answers.remembering = "hold";
  const running = await first();
  const x = request();
  const keeping = running.keep(x, WINNER);
  clock.advance(250);
  await keeping;
  expect(x.waitedMs).toBe(250);
  expect(keys.kept.entries).toBe(1);
  expect(await admit()).toMatchObject({ kind: "replay", answer: { status: 200, outcome: "ok" } });
  expect(await admit("two")).toEqual({ kind: "conflict" });
  answers.release("remember");
  await turn();
  expect(keys.kept.entries).toBe(0);
  expect(await admit()).toMatchObject({ kind: "replay" });
  expect(clock.pending()).toBe(0);
});

test("no answer comes later than 500 ms after the deadline because of the store", async () => {
  const { clock, answers, first, request } = bench();
  answers.remembering = "hold";
  const late = request("one", "k1", { deadlineAt: clock.now() - 400 });
  const keeping = (await first()).keep(late, WINNER);
  clock.advance(100);
  await keeping;
  const over = request("one", "k2", { deadlineAt: clock.now() - 500 });
  await (await first("one", "k2")).keep(over, WINNER);
  expect(over.waitedMs).toBe(0);
  expect(clock.pending()).toBe(0);
});

test("a store that fails costs the caller nothing; the answer is kept until the ttl is over", async () => {
  const { clock, answers, admit, first, request, keys } = bench();
  answers.remembering = "reject";
  await (await first()).keep(request(), WINNER);
  clock.advance(TTL_MS - 1);
  expect(await admit()).toMatchObject({ kind: "replay" });
  clock.advance(1);
  expect((await admit()).kind).toBe("first");
  expect(keys.kept.entries).toBe(0);
});

test("what a store missed is offered to it again when it is back, with the rest of its ttl", async () => {
  const { clock, answers, admit, first, request, keys } = bench();
  answers.remembering = "reject";
  for (const key of ["k1", "k2", "k3"]) await (await first("one", key)).keep(request(), WINNER);
  expect(keys.kept.entries).toBe(3);
  clock.advance(TTL_MS - 1000);
  answers.remembering = "answer";
  await admit("one", "k4");
  await turn();
  expect(keys.kept.entries).toBe(0);
  expect(answers.size).toBe(3);
  clock.advance(999);
  expect(await admit("one", "k2")).toMatchObject({ kind: "replay" });
  clock.advance(1);
  expect((await admit("one", "k2")).kind).toBe("first");
});

test("a repeat that is answered from memory has its answer offered to the store again", async () => {
  const { answers, admit, first, request, keys } = bench();
  answers.remembering = "reject";
  await (await first()).keep(request(), WINNER);
  answers.remembering = "answer";
  expect(await admit()).toMatchObject({ kind: "replay" });
  await turn();
  expect([answers.size, keys.kept.entries]).toEqual([1, 0]);
});

test("a store that can't say whether it knows the key costs 250 ms at most, and half of the time left", async () => {
  const { clock, answers, admit, idempotency, request, deps } = bench();
  answers.recalling = "hold";
  const slow = admit();
  clock.advance(249);
  await turn();
  expect(await Promise.race([slow, turn().then(() => "waits")])).toBe("waits");
  clock.advance(1);
  expect((await slow).kind).toBe("first");
  expect(await admit()).toEqual({ kind: "running" });
  answers.release("recall", "reject");

  const short = idempotency.admit(request("one", "k2", { deadlineAt: clock.now() + 100 }));
  clock.advance(50);
  expect((await short).kind).toBe("first");
  answers.recalling = "reject";
  expect((await admit("one", "k3")).kind).toBe("first");
  answers.release("recall");
  await turn();
  expect([deps.keys.asked, clock.pending()]).toEqual([0, 0]);
});

test("a store that hangs is asked 1,000 things, then none until it answers one", async () => {
  const { clock, answers, deps, first, request, keys } = bench();
  answers.recalling = "hold";
  deps.keys.asked = 999;
  const slow = first("one", "k1");
  clock.advance(250);
  await slow;
  const next = await first("one", "k2");
  await next.keep(request(), WINNER);
  expect([answers.recalls, answers.remembers, keys.kept.entries]).toEqual([1, 0, 1]);
  answers.release("recall");
  await turn();
  expect([answers.remembers, keys.kept.entries]).toEqual([1, 0]);
});

test("memory of answers is bounded: the oldest is dropped, and one too large is not kept", async () => {
  const { answers, admit, first, request, keys } = bench(createIdempotencyKeys(2, 4096));
  answers.remembering = "hold";
  const keep = async (key: string, bytes: number): Promise<void> => {
    const x = request("one", key, { deadlineAt: -500 });
    await (await first("one", key)).keep(x, { ...WINNER, body: Buffer.alloc(bytes) });
  };
  await keep("k1", 10);
  await keep("k2", 10);
  await keep("k3", 10);
  expect(keys.kept.entries).toBe(2);
  expect((await admit("one", "k1")).kind).toBe("first");
  expect((await admit("one", "k3")).kind).toBe("replay");
  await keep("k4", 3000);
  expect(keys.kept.entries).toBe(1);
  await keep("k5", 5000);
  expect(keys.kept.entries).toBe(1);
  expect(keys.kept.bytes).toBeLessThanOrEqual(4096);
});

test("an answer that the store never takes does not hold up the others", async () => {
  const { answers, admit, first, request, restarted } = bench();
  answers.remembering = "reject";
  await (await first("one", "k1")).keep(request(), WINNER);
  await (await first("one", "k2")).keep(request(), WINNER);
  answers.remembering = "hold";
  await admit("one", "k3");
  answers.release("remember", "reject");
  await turn();
  await admit("one", "k4");
  answers.release("remember");
  await turn();
  expect((await restarted().admit(request("one", "k2"))).kind).toBe("replay");
  expect((await restarted().admit(request("one", "k1"))).kind).toBe("first");
  expect((await admit("one", "k1")).kind).toBe("replay");
});

test("final are good and declined answers, and what was decided in the app's place: nothing that says to come back", () => {
  const cause = fault("connect", "refused");
  const substitute = (strategy: Substitute["strategy"], status = 200): Reply => ({
    ...{ kind: "substitute", strategy, reason: "connect", cause, status, headers: [], body: Buffer.alloc(0) },
  });
  const stream: Answer["stream"] = { pipe: () => undefined, resume: () => undefined, abort: () => undefined };
  const yes: Reply[] = [
    createAnswer(),
    createAnswer({ status: 302 }),
    createAnswer({ worth: "permanent", status: 404 }),
    createAnswer({ worth: "permanent", status: 500 }),
    substitute("random_pick"),
    substitute("pending_approval", 202),
    substitute("spool", 202),
  ];
  const no: Reply[] = [
    cause,
    createAnswer({ worth: "transient", reason: "status", status: 500 }),
    createAnswer({ worth: "transient", reason: "invalid_response" }),
    createAnswer({ worth: "push_back", reason: "status", status: 429 }),
    createAnswer({ worth: "permanent", status: 429 }),
    createAnswer({ worth: "permanent", status: 503 }),
    createAnswer({ stream }),
    substitute("static"),
    substitute("last_good"),
    substitute("random_pick", 503),
    substitute("random_pick", 500),
    substitute("pending_approval", 429),
  ];
  expect(yes.map(isFinal)).not.toContain(false);
  expect(no.map(isFinal)).not.toContain(true);
});
