import fc from "fast-check";
import { expect, test } from "vitest";
import type { Exchange } from "../../src/core/exchange.ts";
import { createIdempotencyKeys } from "../../src/policy/idempotency.keys.ts";
import { type Admission, createIdempotency, type First } from "../../src/policy/idempotency.ts";
import { createAnswerStore } from "../help/answer-store.ts";
import { createExchange } from "../help/exchange.ts";
import { createManualClock } from "../help/manual-clock.ts";

const TTL_MS = 2000;

/** How a store behaves, and how a question that it holds ends. */
const MANNER = fc.constantFrom("answer" as const, "hold" as const, "reject" as const);
const END = fc.constantFrom("answer" as const, "reject" as const);

/** What may happen next, to whichever request it can happen to. */
const STEP = fc.oneof(
  fc.record({ do: fc.constant("request" as const), body: fc.constantFrom("one", "one", "two") }),
  fc.record({ do: fc.constantFrom("answer" as const, "fail" as const) }),
  fc.record({ do: fc.constant("advance" as const), by: fc.nat(400) }),
  fc.record({ do: fc.constant("recalled" as const), how: END }),
  fc.record({ do: fc.constant("remembered" as const), how: END }),
  fc.record({ do: fc.constant("store" as const), recalling: MANNER, remembering: MANNER }),
);
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * One key under any order of requests, answers, failures, time and moods of the store. Where `remembers`, the store
 * says what it knows of a key within its time, whatever it does with answers.
 */
async function play(steps: readonly Step[], remembers: boolean): Promise<readonly string[]> {
  const clock = createManualClock();
  const answers = createAnswerStore(clock);
  const deps = { clock, answers, keys: createIdempotencyKeys() };
  const settings = { header: "idempotency-key", ttlMs: TTL_MS };
  const idempotency = createIdempotency({ app: "quiz", capability: "winner" }, settings, deps);
  const wrong: string[] = [];
  const exchange = (body: string): Exchange =>
    createExchange({
      headers: ["Idempotency-Key", "k"],
      body: Buffer.from(body),
      deadlineAt: clock.now() + 5000,
    });
  const chains: { readonly first: First; readonly body: string }[] = [];
  let underWay = 0;
  let n = 0;
  let given = { text: "", body: "", until: 0 };

  const arrive = (admission: Admission, body: string): void => {
    const bound = clock.now() < given.until;
    if (admission.kind === "first") {
      chains.push({ first: admission.first, body });
      if (underWay++ > 0) wrong.push("a chain beside another");
      if (remembers && bound) wrong.push(`a chain after ${given.text}`);
    }
    // Where the store can't say what it knows there may be more than one answer, and any of them will do.
    if (!remembers) return;
    if (admission.kind === "replay") {
      const text = Buffer.from(admission.answer.body).toString();
      if (!bound || text !== given.text || body !== given.body) wrong.push(`${text} to ${body}, not ${given.text}`);
    }
    if (bound && admission.kind === "running") wrong.push(`told to wait after ${given.text}`);
    if (bound && admission.kind === "conflict" && body === given.body) wrong.push(`refused after ${given.text}`);
  };
  const keep = async (first: First, body: string): Promise<void> => {
    const next = { text: `answer ${n++}`, body, until: clock.now() + TTL_MS };
    await first.keep(exchange(body), { status: 200, headers: [], body: Buffer.from(next.text), outcome: "ok" });
    underWay--;
    given = next;
  };
  const end = (): void => {
    const chain = chains.shift();
    if (chain === undefined) return;
    underWay--;
    chain.first.free();
  };
  const recallAll = async (): Promise<void> => {
    while (answers.release("recall")) await turn();
  };
  const take = async (step: Step): Promise<void> => {
    switch (step.do) {
      case "request":
        void idempotency.admit(exchange(step.body)).then((admission) => arrive(admission, step.body));
        return;
      case "answer": {
        const chain = chains.shift();
        if (chain !== undefined) void keep(chain.first, chain.body);
        return;
      }
      case "fail":
        return end();
      case "advance":
        if (remembers) await recallAll();
        return clock.advance(step.by);
      case "recalled":
        answers.release("recall", remembers ? "answer" : step.how);
        return;
      case "remembered":
        answers.release("remember", step.how);
        return;
      case "store":
        answers.recalling = remembers && step.recalling === "reject" ? "answer" : step.recalling;
        answers.remembering = step.remembering;
    }
  };

  for (const step of steps) {
    await take(step);
    await turn();
  }
  // Nothing is left behind: whatever was under way ends, and the key is free again.
  await recallAll();
  clock.advance(1000);
  answers.remembering = "answer";
  await turn();
  while (chains.length > 0) end();
  while (answers.release("remember")) await turn();
  const left = [underWay, deps.keys.running.size, deps.keys.asked, clock.pending()];
  if (left.some((count) => count > 0)) wrong.push(`left behind: ${left.join()}`);
  return wrong;
}

test("whatever the order of things, one chain runs at a time, and none within the ttl of a given answer", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 60 }), async (steps) => {
      expect(await play(steps, true)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("where the store can't even say what it knows, one chain runs at a time all the same", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 60 }), async (steps) => {
      expect(await play(steps, false)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
