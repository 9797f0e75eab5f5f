import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { addCells, type CallRow, type CallSteps, type CallStore, cellsOf } from "../../src/core/calls.stored.ts";
import { addCall, type CallScope, type CallTally, emptyTally, type NewSample } from "../../src/core/calls.ts";
import { openCallStore } from "../help/call-store.ts";
import { tempDir } from "./support.ts";

/** An hour like any other, and its first minute. */
const HOUR = 490_000;
const MINUTE = HOUR * 60;
const ROUTE: CallScope = { app: "quiz", capability: "winner" };
const KEEP = { minute: 0, hour: 0, samplesMs: 0, maxBytes: Number.MAX_SAFE_INTEGER };

function open(dir = tempDir()): ReturnType<typeof openCallStore> {
  const opened = openCallStore(dir);
  onTestFinished(opened.close);
  return opened;
}

function row(minute: number, count = 1, of: CallScope = ROUTE): CallRow {
  const tally = emptyTally();
  for (let n = 0; n < count; n++) addCall(tally, "ok", null, 200, 5 + n);
  return { ...of, minute, cells: cellsOf(tally) };
}

const sample = (n: number, given: Partial<NewSample> = {}): NewSample => ({
  app: "quiz",
  capability: "winner",
  at: MINUTE * 60_000 + n,
  durationMs: n + 0.5,
  outcome: "ok",
  reason: null,
  status: 200,
  attempts: 1,
  requestId: `request-${n}`,
  ...given,
});

/** Counts of each step. */
function counts(steps: CallSteps | undefined): [step: number, ok: number][] {
  return (steps ?? []).map(([step, cells]) => {
    const tally: CallTally = emptyTally();
    addCells(tally, cells);
    let measured = 0;
    for (const n of tally.latency.values()) measured += n;
    expect(measured).toBe(tally.counts.ok);
    return [step, tally.counts.ok];
  });
}

async function read(calls: CallStore, from: number, to: number, stepMinutes: number, scope = ROUTE) {
  const coarse = stepMinutes % 60 === 0;
  return counts((await calls.read([scope], { from, to, coarse }, stepMinutes))[0]);
}

async function rollUp(calls: CallStore, before: number): Promise<void> {
  while (await calls.roll(before));
}

/** Rows of a table, as a program beside it would see them. */
function rowsIn(dir: string, table: string): number {
  const db = new Sqlite(join(dir, "history.db"), { readonly: true });
  try {
    return Number(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  } finally {
    db.close();
  }
}

describe("counts", () => {
  test("of one minute add up, through a restart, and each scope has its own", async () => {
    const dir = tempDir();
    const first = open(dir);
    await first.calls.add([row(MINUTE), row(MINUTE, 2), row(MINUTE + 1), row(MINUTE, 9, { ...ROUTE, app: "poll" })]);
    first.close();
    const { calls } = open(dir);
    await calls.add([row(MINUTE + 1, 4)]);
    expect(await read(calls, MINUTE, MINUTE + 5, 1)).toEqual([
      [0, 3],
      [1, 5],
    ]);
    expect(await read(calls, MINUTE, MINUTE + 5, 5)).toEqual([[0, 8]]);
    expect(await read(calls, MINUTE + 1, MINUTE + 5, 1)).toEqual([[0, 5]]);
    expect(await read(calls, MINUTE, MINUTE + 5, 1, { app: "quiz", capability: null })).toEqual([]);
    expect([await calls.known(ROUTE), await calls.known({ app: "none", capability: null })]).toEqual([true, false]);
  });

  test("of an hour are the sums of its minutes, and are read where they are whole", async () => {
    const dir = tempDir();
    const { calls } = open(dir);
    await calls.add(Array.from({ length: 150 }, (_, i) => row(MINUTE + i)));
    expect(await read(calls, MINUTE, MINUTE + 180, 60)).toEqual([
      [0, 60],
      [1, 60],
      [2, 30],
    ]);
    await rollUp(calls, HOUR + 2);
    expect(rowsIn(dir, "call_hours")).toBe(2);
    await calls.prune({ ...KEEP, minute: MINUTE + 60 });
    const sums = [
      [0, 60],
      [1, 60],
      [2, 30],
    ];
    expect(await read(calls, MINUTE, MINUTE + 180, 60)).toEqual(sums);
    // Of the first hour nothing but the hour is left.
    expect(await read(calls, MINUTE, MINUTE + 180, 30)).toEqual([
      [2, 30],
      [3, 30],
      [4, 30],
    ]);
    const uneven = { from: MINUTE - 10, to: MINUTE + 130, coarse: true };
    expect(counts((await calls.read([ROUTE], uneven, 140))[0])).toEqual([[0, 130]]);
  });

  test("that come after their hour was written are in the hour, too, once", async () => {
    const { calls } = open();
    await calls.add([row(MINUTE), row(MINUTE + 61)]);
    await rollUp(calls, HOUR + 1);
    await calls.add([row(MINUTE + 59, 7), row(MINUTE + 61)]);
    expect(await read(calls, MINUTE, MINUTE + 120, 60)).toEqual([
      [0, 8],
      [1, 2],
    ]);
    await rollUp(calls, HOUR + 2);
    expect(await read(calls, MINUTE, MINUTE + 120, 60)).toEqual([
      [0, 8],
      [1, 2],
    ]);
    // Of an hour in which nothing had happened, and which is over, too.
    await rollUp(calls, HOUR + 10);
    await calls.add([row(MINUTE + 5 * 60, 3)]);
    await rollUp(calls, HOUR + 11);
    expect(await read(calls, MINUTE, MINUTE + 11 * 60, 11 * 60)).toEqual([[0, 13]]);
  });

  test("hours of many scopes are written in small steps, whatever comes between them", async () => {
    const { calls } = open();
    const scopes = Array.from({ length: 100 }, (_, i): CallScope => ({ app: "quiz", capability: `c${i}` }));
    await calls.add(scopes.map((scope) => row(MINUTE + 3, 2, scope)));
    let steps = 0;
    while (await calls.roll(HOUR + 1)) {
      steps++;
      await calls.add(scopes.map((scope) => row(MINUTE + 4, 1, scope)));
    }
    expect(steps).toBeGreaterThan(2);
    const range = { from: MINUTE, to: MINUTE + 60, coarse: true };
    for (const found of await calls.read(scopes, range, 60)) expect(counts(found)).toEqual([[0, 2 + steps]]);
  });

  test("a sweep sums each route once, in parts, and no app", async () => {
    const { calls } = open();
    const scopes = Array.from({ length: 230 }, (_, i): CallScope => ({ app: `a${i % 3}`, capability: `c${i}` }));
    await calls.add(scopes.map((scope) => row(MINUTE, 1, scope)));
    await calls.add([
      row(MINUTE, 230, { app: null, capability: null }),
      row(MINUTE, 77, { app: "a0", capability: null }),
    ]);
    await calls.add(scopes.slice(0, 5).map((scope) => row(MINUTE + 70, 2, scope)));
    await rollUp(calls, HOUR + 1);
    const found = new Map<string, number>();
    let after: number | null = 0;
    let parts = 0;
    while (after !== null) {
      const { routes, next } = await calls.sweep({ from: MINUTE, to: MINUTE + 120, coarse: true }, after);
      for (const { capability, cells } of routes) found.set(capability, cells.counts[0] ?? -1);
      after = next;
      parts++;
    }
    expect(parts).toBe(8);
    expect(found).toEqual(new Map(scopes.map(({ capability }, i) => [capability, i < 5 ? 3 : 1])));
  });
});

describe("what is dropped", () => {
  test("minutes go only once their hour is written; hours and names go with their age", async () => {
    const dir = tempDir();
    const { calls } = open(dir);
    await calls.add([row(MINUTE), row(MINUTE + 60)]);
    const everything = { ...KEEP, minute: MINUTE + 1000 };
    await calls.prune(everything);
    expect(rowsIn(dir, "call_minutes")).toBe(2);
    await rollUp(calls, HOUR + 1);
    await calls.prune(everything);
    expect([rowsIn(dir, "call_minutes"), rowsIn(dir, "call_hours")]).toEqual([1, 1]);
    await rollUp(calls, HOUR + 2);
    await calls.prune({ ...everything, hour: HOUR + 1 });
    expect([rowsIn(dir, "call_hours"), rowsIn(dir, "call_scopes")]).toEqual([1, 1]);
    await calls.prune({ ...everything, hour: HOUR + 500 });
    expect([rowsIn(dir, "call_minutes"), rowsIn(dir, "call_hours"), rowsIn(dir, "call_scopes")]).toEqual([0, 0, 0]);
  });

  test("the name of a route that is called again after a long while stays", async () => {
    const dir = tempDir();
    const { calls } = open(dir);
    await calls.add([row(MINUTE)]);
    await rollUp(calls, HOUR + 1);
    await calls.add([row(MINUTE + 3000 * 60)]);
    await calls.prune({ ...KEEP, hour: HOUR + 2999 });
    expect(await read(calls, MINUTE, MINUTE + 3001 * 60, 60)).toEqual([[3000, 1]]);
  });

  test("over its bytes the oldest samples go first, then minutes, then the oldest hours", async () => {
    const dir = tempDir();
    const { calls } = open(dir);
    const empty = await usedBytes(dir);
    for (let hour = 0; hour < 30; hour++) {
      await calls.add(Array.from({ length: 60 }, (_, i) => row(MINUTE + hour * 60 + i, 40)));
    }
    await rollUp(calls, HOUR + 30);
    await calls.addSamples(Array.from({ length: 2000 }, (_, i) => sample(i)));
    const order: string[] = [];
    const sizes = () => ["samples", "call_minutes", "call_hours"].map((table) => rowsIn(dir, table));
    let before = sizes();
    while (await calls.prune({ ...KEEP, maxBytes: empty - 1 })) {
      const after = sizes();
      const changed = ["samples", "call_minutes", "call_hours"].filter((_, i) => after[i] !== before[i]);
      order.push(changed.join("+"));
      before = after;
    }
    expect(order).toEqual([...Array(4).fill("samples"), ...Array(4).fill("call_minutes"), "call_hours"]);
    expect(before).toEqual([0, 0, 0]);
  });

  test("within its bytes nothing goes, and samples go with their age, oldest first", async () => {
    const dir = tempDir();
    const { calls } = open(dir);
    await calls.add([row(MINUTE)]);
    await calls.addSamples(Array.from({ length: 700 }, (_, i) => sample(i)));
    expect(await calls.prune(KEEP)).toBe(false);
    expect(await calls.prune({ ...KEEP, samplesMs: sample(600).at })).toBe(true);
    expect(rowsIn(dir, "samples")).toBe(200);
    expect(await calls.prune({ ...KEEP, samplesMs: sample(600).at })).toBe(false);
    expect(rowsIn(dir, "samples")).toBe(100);
    expect(rowsIn(dir, "call_minutes")).toBe(1);
  });
});

test("samples of a route come newest first in parts, all or only its failures", async () => {
  const { calls } = open();
  await calls.addSamples([
    ...Array.from({ length: 10 }, (_, i) =>
      sample(i, i % 3 === 0 ? { outcome: "failed", reason: "timeout", status: 504 } : {}),
    ),
    sample(10, { outcome: "rejected", reason: "rate_limit", status: 429 }),
    sample(11, { app: "poll" }),
  ]);
  const first = await calls.samples({ ...QUIZ, failures: false, limit: 4, cursor: null });
  expect(first.items.map(({ requestId }) => requestId)).toEqual([10, 9, 8, 7].map((n) => `request-${n}`));
  const second = await calls.samples({ ...QUIZ, failures: false, limit: 100, cursor: first.next });
  expect(second).toMatchObject({ next: null, items: { length: 7 } });
  const failures = await calls.samples({ ...QUIZ, failures: true, limit: 100, cursor: null });
  expect(failures.items.map(({ requestId }) => requestId)).toEqual([9, 6, 3, 0].map((n) => `request-${n}`));
  const { app: _, capability: __, ...kept } = sample(9, { outcome: "failed", reason: "timeout", status: 504 });
  expect(failures.items[0]).toEqual({ id: 10, ...kept });
  expect(await calls.samples({ app: "no", capability: "one", failures: false, limit: 9, cursor: null })).toEqual({
    items: [],
    next: null,
  });
});

const QUIZ = { app: "quiz", capability: "winner" };

/** What the file's pages hold now. */
async function usedBytes(dir: string): Promise<number> {
  const db = new Sqlite(join(dir, "history.db"), { readonly: true });
  try {
    const of = (name: string): number => Number(db.pragma(name, { simple: true }));
    return (of("page_count") - of("freelist_count")) * of("page_size");
  } finally {
    db.close();
  }
}
