import { expect, test } from "vitest";
import { inTime } from "../../src/proxy/acks.ts";
import { createManualClock } from "../help/manual-clock.ts";

/** Asks by hand: `answer` settles the n-th. */
function byHand(ms = 1000) {
  const clock = createManualClock();
  const asked: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const ask = inTime(() => new Promise<string>((resolve, reject) => asked.push({ resolve, reject })), ms, clock);
  return { clock, ask: () => ask(undefined), asked };
}

test("an answer in time is passed on, and nothing is left to wait for", async () => {
  const { clock, ask, asked } = byHand();
  const said = ask();
  asked[0]?.resolve("kept");
  expect(await said).toBe("kept");
  expect(clock.pending()).toBe(0);
});

test("one that fails says nothing", async () => {
  const { ask, asked } = byHand();
  const said = ask();
  asked[0]?.reject(new Error("the disk is full"));
  expect(await said).toBe(null);
});

test("each has its whole time, however they overlap", async () => {
  const { clock, ask, asked } = byHand();
  const first = ask();
  clock.advance(600);
  const second = ask();
  const third = ask();
  clock.advance(400);
  expect(await first).toBe(null);
  clock.advance(599);
  asked[1]?.resolve("kept");
  expect(await second).toBe("kept");
  clock.advance(1);
  expect(await third).toBe(null);
  expect(clock.pending()).toBe(0);
});

test("what comes too late changes nothing", async () => {
  const { clock, ask, asked } = byHand();
  const late = ask();
  clock.advance(1000);
  expect(await late).toBe(null);
  const next = ask();
  asked[0]?.resolve("kept");
  await Promise.resolve();
  asked[1]?.resolve("the next");
  expect(await next).toBe("the next");
});
