import { expect, test } from "vitest";
import { createGrouping } from "../../src/notify/group.ts";
import { fallbackUsed } from "../help/events.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";

const MINUTE_MS = 60_000;

interface Rig {
  readonly clock: ManualClock;
  readonly groups: ReturnType<typeof createGrouping>;
  /** What was told, as in `a ×2`: the id of the newest, and of how many. */
  readonly told: string[];
}

function start(): Rig {
  const clock = createManualClock();
  const told: string[] = [];
  const groups = createGrouping(clock, ({ id }, count) => told.push(`${id} ×${count}`));
  return { clock, groups, told };
}

test("the first is told at once, what follows within the minute as one with a count", () => {
  const { clock, groups, told } = start();
  for (const id of ["a", "b", "c"]) groups.add(fallbackUsed({ id }));
  expect(told).toEqual(["a ×1"]);
  clock.advance(MINUTE_MS - 1);
  groups.add(fallbackUsed({ id: "d" }));
  expect(told).toEqual(["a ×1"]);
  clock.advance(1);
  expect(told).toEqual(["a ×1", "d ×3"]);
  groups.add(fallbackUsed({ id: "e" }));
  expect(told).toEqual(["a ×1", "d ×3"]);
  clock.advance(MINUTE_MS);
  expect(told).toEqual(["a ×1", "d ×3", "e ×1"]);
});

test("after a quiet minute nothing is kept, and the next is told at once", () => {
  const { clock, groups, told } = start();
  groups.add(fallbackUsed({ id: "a" }));
  clock.advance(MINUTE_MS);
  expect(clock.pending()).toBe(0);
  groups.add(fallbackUsed({ id: "b" }));
  expect(told).toEqual(["a ×1", "b ×1"]);
});

test("other routes, reasons and rooms are told on their own; the strategy makes no difference", () => {
  const { groups, told } = start();
  const other = { app: "quiz", capability: "answer", key: "quiz/answer", mode: "sync" } as const;
  groups.add(fallbackUsed({ id: "a" }));
  groups.add(fallbackUsed({ id: "b", route: other }));
  groups.add(fallbackUsed({ id: "c", reason: "connect" }));
  groups.add(fallbackUsed({ id: "d", labels: { room: "7" } }));
  groups.add(fallbackUsed({ id: "e", strategy: "static" }));
  expect(told).toEqual(["a ×1", "b ×1", "c ×1", "d ×1"]);
});

test("however many rooms callers invent, beyond a bound they share a group", () => {
  const { clock, groups, told } = start();
  for (let i = 0; i < 1500; i++) groups.add(fallbackUsed({ id: `r${i}`, labels: { room: `${i}` } }));
  // The first without room for a group of its own opens the shared one.
  expect(told).toHaveLength(1001);
  expect(clock.pending()).toBe(1001);
  groups.add(fallbackUsed({ id: "known", labels: { room: "3" } }));
  clock.advance(MINUTE_MS);
  expect(told.slice(1001).sort()).toEqual(["known ×1", "r1499 ×499"]);
});

test("flush tells what was counted and leaves no timer", () => {
  const { clock, groups, told } = start();
  for (const id of ["a", "b"]) groups.add(fallbackUsed({ id }));
  groups.add(fallbackUsed({ id: "c", reason: "connect" }));
  groups.flush();
  expect(told).toEqual(["a ×1", "c ×1", "b ×1"]);
  expect(clock.pending()).toBe(0);
});
