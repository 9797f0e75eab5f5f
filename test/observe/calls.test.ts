import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CallStore } from "../../src/core/calls.stored.ts";
import { UNROUTED } from "../../src/core/exchange.ts";
import type { HistorySettings } from "../../src/core/settings.service.ts";
import { type CallHistory, createCallHistory } from "../../src/observe/calls.ts";
import { openCallStore } from "../help/call-store.ts";
import { attemptOf, QUIZ_WINNER, requestCompleted } from "../help/events.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The begin of an hour. */
const START = 490_000 * HOUR;
const SETTINGS: HistorySettings = { retainMs: 90 * 24 * HOUR, samples: "all", samplesRate: 1000, maxBytes: 2 ** 40 };
const WINNER = { app: "quiz", capability: "winner" };
const ALL = { app: null, capability: null };
const ASYNC = { ...QUIZ_WINNER, capability: "later", key: "quiz/later", mode: "async" } as const;

interface Rig {
  readonly clock: ManualClock;
  readonly calls: CallHistory;
  readonly store: CallStore;
  /** What fails now. */
  readonly away: Set<keyof CallStore>;
  /** Writes and tends, as after every few seconds. */
  turn(ms?: number): Promise<void>;
}

/** A history over a real file, which fails where it is told to. */
function rig(given: Partial<HistorySettings> = {}): Rig {
  const dataDir = mkdtempSync(join(tmpdir(), "outrigger-calls-"));
  const clock = createManualClock(START);
  const opened = openCallStore(dataDir);
  onTestFinished(() => {
    opened.close();
    rmSync(dataDir, { recursive: true });
  });
  const away = new Set<keyof CallStore>();
  let turned = (): void => undefined;
  const store = Object.fromEntries(
    Object.entries(opened.calls).map(([name, call]) => [
      name,
      async (...args: never[]) => {
        if (away.has(name as keyof CallStore)) throw new Error("away");
        return (call as (...args: never[]) => Promise<unknown>)(...args);
      },
    ]),
  ) as unknown as CallStore;
  // A turn ends by setting its timer again.
  const watched = {
    ...clock,
    after: (...args: Parameters<ManualClock["after"]>) => {
      turned();
      return clock.after(...args);
    },
  } as ManualClock;
  const calls = createCallHistory({
    clock: watched,
    random: createSeededRandom(3),
    store,
    settings: { ...SETTINGS, ...given },
  });
  onTestFinished(() => calls.stop());
  const turn = (ms = 5_000): Promise<void> =>
    new Promise((resolve) => {
      turned = resolve;
      clock.advance(ms);
    });
  return { clock, calls, store, away, turn };
}

const hourOf = (clock: ManualClock, stepMs = MINUTE) => ({
  fromMs: clock.wall() - HOUR,
  toMs: clock.wall() + 1,
  stepMs,
});

test("what is counted is seen at once, and seen once when it is written down and after a restart of the reader", async () => {
  const { calls, clock, turn, store } = rig();
  for (const durationMs of [10, 20, 30]) calls.record(requestCompleted({ at: clock.wall(), durationMs }));
  calls.record(requestCompleted({ at: clock.wall(), outcome: "failed", reason: "timeout", durationMs: 1000 }));
  const look = async (from: CallHistory) => {
    const found = await from.series([WINNER, { app: "quiz", capability: null }, ALL], hourOf(clock));
    return found.map(({ total, points }) => ({ total, calls: points.map(({ count }) => count).filter((n) => n > 0) }));
  };
  const before = await look(calls);
  expect(before.map(({ total }) => [total.count, total.success, total.timeouts])).toEqual([
    [4, 3, 1],
    [4, 3, 1],
    [4, 3, 1],
  ]);
  expect(before[0]?.calls).toEqual([4]);
  expect(before[0]?.total.p50).toBeCloseTo(20, 0);
  await turn();
  expect(await look(calls)).toEqual(before);
  const other = createCallHistory({ clock, random: createSeededRandom(1), store, settings: SETTINGS });
  expect(await look(other)).toEqual(before);
  await other.stop();
});

test("stopping writes down what there is", async () => {
  const { calls, clock, store } = rig();
  calls.record(requestCompleted({ at: clock.wall() }));
  await calls.stop();
  await calls.stop();
  const [steps] = await store.read([WINNER], { from: START / MINUTE, to: START / MINUTE + 1, coarse: false }, 1);
  expect(steps).toHaveLength(1);
  expect(await store.samples({ ...WINNER, failures: false, limit: 9, cursor: null })).toMatchObject({ items: [{}] });
});

test("while the store is away counts are kept, and no call waits or fails", async () => {
  const { calls, clock, away, turn } = rig();
  away.add("add");
  for (let n = 0; n < 3; n++) {
    calls.record(
      requestCompleted({ at: clock.wall(), route: { ...QUIZ_WINNER, capability: `c${n}`, key: `quiz/c${n}` } }),
    );
    await turn();
    const [whole] = await calls.series([ALL], hourOf(clock));
    expect(whole?.total.count).toBe(n + 1);
  }
  away.clear();
  await turn();
  const lines = await calls.series(
    [ALL, ...[0, 1, 2].map((n) => ({ app: "quiz", capability: `c${n}` }))],
    hourOf(clock),
  );
  expect(lines.map(({ total }) => total.count)).toEqual([3, 1, 1, 1]);
  away.add("read");
  await expect(calls.series([ALL], hourOf(clock))).rejects.toThrow("away");
});

test("ten thousand routes in every minute are bounded while nothing can be written: the oldest minutes go", async () => {
  const { calls, clock, away } = rig({ samples: "none" });
  away.add("add");
  const routes = Array.from({ length: 10_000 }, (_, i) => ({ ...QUIZ_WINNER, capability: `c${i}`, key: `quiz/c${i}` }));
  for (let minute = 0; minute < 6; minute++) {
    for (const route of routes) calls.record(requestCompleted({ at: START + minute * MINUTE, route, attempts: [] }));
  }
  const [whole] = await calls.series([ALL], { fromMs: START, toMs: START + 6 * MINUTE, stepMs: MINUTE });
  expect(whole?.points.map(({ count }) => count)).toEqual([0, 0, 0, 10_000, 10_000, 10_000]);
  expect(clock.pending()).toBe(1);
});

describe("what a call is", () => {
  test("of an asynchronous route: an attempt to deliver; its 202s are beside it", async () => {
    const { calls, clock } = rig();
    for (let n = 0; n < 50; n++)
      calls.record(requestCompleted({ at: clock.wall(), route: ASYNC, outcome: "queued", durationMs: 1 }));
    calls.attempted(ASYNC, [attemptOf({ durationMs: 100 })], "job-1");
    const first = attemptOf({ worth: "transient", reason: "connect", status: 0, startedAt: 1000, durationMs: 5 });
    const second = attemptOf({
      n: 1,
      worth: "transient",
      reason: "timeout",
      status: 0,
      startedAt: 1005,
      durationMs: 295,
    });
    calls.attempted(ASYNC, [first, second], "job-2");
    calls.attempted(ASYNC, [attemptOf({ worth: "permanent", reason: null, status: 410 })], "job-3");
    calls.attempted(ASYNC, [attemptOf({ worth: "ignored", status: 0 })], "job-4");
    calls.attempted(ASYNC, [], "job-5");
    const about = { at: clock.wall(), app: "quiz", capability: "later", id: "j", requestId: "r", sends: 1 };
    calls.record({ type: "delivery.delivered", ...about, upstream: "primary", status: 200, lagMs: 5000 });
    calls.record({ type: "dlq.added", ...about, reason: "gone", detail: null });
    const stats = await calls.totals({ app: "quiz", capability: "later" }, hourOf(clock));
    expect(stats).toMatchObject({ count: 4, judged: 3, success: 2, timeouts: 1, max: 300, delivered: 1, dead: 1 });
    expect(stats.outcomes).toMatchObject({ queued: 50, ok: 1, declined: 1, failed: 1, aborted: 1 });
    expect(stats.p50).toBeGreaterThan(90);
  });

  test("of a synchronous one: its caller's request, not what is sent again later", async () => {
    const { calls, clock } = rig();
    calls.record(requestCompleted({ at: clock.wall(), outcome: "fallback", reason: "timeout", strategy: "spool" }));
    calls.attempted(QUIZ_WINNER, [attemptOf()], "job-1");
    expect(await calls.totals(WINNER, hourOf(clock))).toMatchObject({ count: 1, success: 0, timeouts: 1 });
  });

  test("that met no route is in the whole, and in nothing else", async () => {
    const { calls, clock, turn } = rig();
    calls.record(
      requestCompleted({ at: clock.wall(), route: UNROUTED, outcome: "rejected", status: 404, attempts: [] }),
    );
    calls.record(requestCompleted({ at: clock.wall() }));
    for (const when of ["held", "written"]) {
      const [whole] = await calls.series([ALL], hourOf(clock));
      expect([when, whole?.total.count, whole?.total.judged]).toEqual([when, 2, 1]);
      expect(await calls.totalsByRoute(hourOf(clock))).toMatchObject([{ ...WINNER, stats: { count: 1 } }]);
      await turn();
    }
  });
});

test("the sums of every route are those of the whole, held or written, by the minute and by the hour", async () => {
  const { calls, clock, turn } = rig({ samples: "none" });
  const random = createSeededRandom(11);
  let written = 0;
  for (let n = 0; n < 3000; n++) {
    const route = random.below(250);
    const at = START + random.below(4 * HOUR);
    calls.record(
      requestCompleted({
        at,
        route: { ...QUIZ_WINNER, app: `a${route % 7}`, capability: `c${route}`, key: `a${route % 7}/c${route}` },
      }),
    );
    if (n % 1000 === 500) {
      written++;
      await turn();
    }
  }
  expect(written).toBe(3);
  clock.advance(5 * HOUR);
  await turn(0).catch(() => undefined);
  for (const range of [
    { fromMs: START, toMs: START + 4 * HOUR },
    { fromMs: START + 17 * MINUTE, toMs: START + 3 * HOUR + 5 * MINUTE },
  ]) {
    const whole = await calls.totals({}, range);
    const routes = await calls.totalsByRoute(range);
    expect(routes.reduce((sum, { stats }) => sum + stats.count, 0)).toBe(whole.count);
    let byApp = 0;
    for (let app = 0; app < 7; app++) byApp += (await calls.totals({ app: `a${app}` }, range)).count;
    expect(byApp).toBe(whole.count);
    const [series] = await calls.series([ALL], { ...range, stepMs: MINUTE });
    expect(series?.total.count).toBe(whole.count);
  }
  expect((await calls.totals({}, { fromMs: START, toMs: START + 4 * HOUR })).count).toBe(3000);
});

describe("samples", () => {
  const sampled = async (calls: CallHistory, failures = false) =>
    (await calls.samples({ ...WINNER, failures, limit: 1000, cursor: null })).items;

  test.each([
    ["all", [true, true, true]],
    ["failures", [false, true, false]],
    ["none", [false, false, false]],
  ] as const)("%s: which calls are kept", async (samples, kept) => {
    const { calls, clock, turn } = rig({ samples });
    calls.record(requestCompleted({ at: clock.wall(), id: "good" }));
    calls.record(requestCompleted({ at: clock.wall(), id: "bad", outcome: "failed", reason: "connect", status: 502 }));
    calls.record(requestCompleted({ at: clock.wall(), id: "refused", outcome: "rejected", status: 429 }));
    await turn();
    const ids = (await sampled(calls)).map(({ requestId }) => requestId);
    expect(["good", "bad", "refused"].map((id) => ids.includes(id))).toEqual(kept);
    expect((await calls.totals(WINNER, hourOf(clock))).count).toBe(3);
  });

  test("over their rate they are thinned evenly over the second, and counts never are", async () => {
    const { calls, clock, turn } = rig({ samplesRate: 50 });
    for (let n = 0; n < 2000; n++) {
      calls.record(requestCompleted({ at: START + (n < 1000 ? 0 : 1000) + (n % 1000), id: `r${n}` }));
    }
    await turn();
    const kept = (await sampled(calls)).map(({ requestId }) => Number(requestId.slice(1)));
    expect(kept.filter((n) => n < 1000)).toHaveLength(50);
    expect(kept.filter((n) => n >= 1000)).toHaveLength(50);
    const late = kept.filter((n) => n % 1000 >= 500).length;
    expect(late).toBeGreaterThan(30);
    expect(late).toBeLessThan(70);
    expect((await calls.totals(WINNER, hourOf(clock))).count).toBe(2000);
  });

  test("a rate below one is one in a longer span, and zero is none", async () => {
    const { calls, turn } = rig({ samplesRate: 0.1 });
    for (let second = 0; second < 40; second++) calls.record(requestCompleted({ at: START + second * 1000 }));
    await turn();
    expect(await sampled(calls)).toHaveLength(4);
    calls.apply({ ...SETTINGS, samplesRate: 0 });
    calls.record(requestCompleted({ at: START + HOUR }));
    await turn();
    expect(await sampled(calls)).toHaveLength(4);
  });

  test("are there as soon as their calls have ended, in parts or not, though the store can't take them yet", async () => {
    const { calls, away } = rig();
    away.add("addSamples");
    for (let n = 0; n < 3; n++) calls.record(requestCompleted({ at: START + n, id: `r${n}` }));
    expect(await sampled(calls)).toEqual([]);
    away.clear();
    const first = await calls.samples({ ...WINNER, failures: false, limit: 2, cursor: null });
    calls.record(requestCompleted({ at: START + 9, id: "r9" }));
    const rest = await calls.samples({ ...WINNER, failures: false, limit: 2, cursor: first.next });
    const ids = [...first.items, ...rest.items].map(({ requestId }) => requestId);
    expect(ids).toEqual(["r2", "r1", "r0"]);
  });

  test("are written by who looks at them as far as one answer may show, and the rest with what is written next", async () => {
    const { calls, away, turn } = rig();
    const newest = async () => (await calls.samples({ ...WINNER, failures: false, limit: 1, cursor: null })).items[0];
    away.add("addSamples");
    for (let n = 0; n < 5000; n++) calls.record(requestCompleted({ at: START + n, id: `r${n}` }));
    await turn();
    away.clear();
    expect(await newest()).toMatchObject({ requestId: "r999" });
    expect(await newest()).toMatchObject({ requestId: "r1999" });
    await turn();
    expect(await newest()).toMatchObject({ requestId: "r4999" });
  });

  test("that could not be written are kept, in their order, and are there once", async () => {
    const { calls, away, turn } = rig();
    away.add("addSamples");
    for (let n = 0; n < 600; n++) calls.record(requestCompleted({ at: START + n, id: `r${n}` }));
    await turn();
    away.clear();
    await turn();
    const ids = (await sampled(calls)).map(({ requestId }) => requestId);
    expect(ids).toEqual(Array.from({ length: 600 }, (_, n) => `r${599 - n}`));
  });
});

test("tending: hours are written, minutes go after two days, and all goes after its time", async () => {
  const { calls, turn } = rig({ retainMs: 5 * 24 * HOUR });
  for (let n = 0; n < 120; n++) calls.record(requestCompleted({ at: START + n * MINUTE, durationMs: n + 1 }));
  const week = (stepMs: number) => calls.series([WINNER], { fromMs: START, toMs: START + 2 * HOUR, stepMs });
  await turn();
  const [before] = await week(HOUR);
  expect(before?.points.map(({ count }) => count)).toEqual([60, 60]);
  await turn(3 * 24 * HOUR);
  await turn();
  expect(await week(HOUR)).toEqual([before]);
  const [byMinute] = await week(MINUTE);
  expect(byMinute?.total.count).toBe(0);
  await turn(4 * 24 * HOUR);
  await turn();
  const [gone] = await week(HOUR);
  expect(gone?.total.count).toBe(0);
  expect((await calls.samples({ ...WINNER, failures: false, limit: 9, cursor: null })).items).toEqual([]);
});
