import { expect, test } from "vitest";
import type { Reply } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import type { FallbackAnswer, FallbackStrategy } from "../../src/policy/fallback/strategies.ts";
import { fallingBack } from "../../src/policy/fallback.ts";
import { createAnswer, createExchange } from "../help/exchange.ts";
import { createManualClock } from "../help/manual-clock.ts";

const ANSWER: FallbackAnswer = { status: 200, headers: [], body: Buffer.from("instead") };
const DEAD = fault("connect", "refused");

function strategy(name: FallbackStrategy["name"], answer: FallbackStrategy["answer"]): FallbackStrategy {
  return { name, answer };
}

test("a good and a final answer pass as they are; good ones are shown to the strategies that keep them", async () => {
  const kept: Reply[] = [];
  const keeper = {
    ...strategy("last_good", () => ANSWER),
    remember: (_x: unknown, reply: Reply) => void kept.push(reply),
  };
  for (const worth of ["ok", "permanent"] as const) {
    const reply = createAnswer({ worth });
    expect(await fallingBack([keeper], createManualClock())(async () => reply)(createExchange())).toBe(reply);
  }
  expect(kept).toMatchObject([{ worth: "ok" }]);
});

test("the first strategy that has an answer gives it, with its name and the reason why", async () => {
  const list = [
    strategy("last_good", () => null),
    strategy("static", () => ANSWER),
    strategy("random_pick", () => ANSWER),
  ];
  const reply = await fallingBack(list, createManualClock())(async () => DEAD)(createExchange());
  expect(reply).toMatchObject({ kind: "substitute", strategy: "static", reason: "connect", status: 200 });
});

test("a strategy that waits gets 300 ms, one that fails nothing: the next is asked", async () => {
  const clock = createManualClock();
  const list = [
    strategy("spool", () => new Promise(() => undefined)),
    strategy("pending_approval", () => Promise.reject(new Error("full"))),
    strategy("random_pick", () => {
      throw new Error("a bug of a strategy is no lost answer");
    }),
    strategy("static", () => ANSWER),
  ];
  const reply = fallingBack(list, clock)(async () => DEAD)(createExchange());
  await new Promise(setImmediate);
  clock.advance(299);
  await new Promise(setImmediate);
  clock.advance(1);
  expect(await reply).toMatchObject({ kind: "substitute", strategy: "static" });
  expect(clock.pending()).toBe(0);
});

test("where no strategy has an answer the reply of the tries stands, and who left gets none", async () => {
  const clock = createManualClock();
  expect(await fallingBack([strategy("static", () => null)], clock)(async () => DEAD)(createExchange())).toBe(DEAD);
  const left = fault("reset", "gone", { aborted: true });
  expect(await fallingBack([strategy("static", () => ANSWER)], clock)(async () => left)(createExchange())).toBe(left);
});

test("a streamed answer that is replaced is let go", async () => {
  const aborted: true[] = [];
  const stream = { pipe: () => undefined, resume: () => undefined, abort: () => void aborted.push(true) };
  const failing = createAnswer({ worth: "transient", reason: "status", status: 500, stream });
  const send = fallingBack([strategy("static", () => ANSWER)], createManualClock())(async () => failing);
  expect(await send(createExchange())).toMatchObject({ kind: "substitute", reason: "status" });
  expect(aborted).toEqual([true]);
});
