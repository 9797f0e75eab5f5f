import { expect, test } from "vitest";
import type { OutriggerEvent } from "../../src/core/events.ts";
import type { JobSummary } from "../../src/core/job.ts";
import { createUpkeep } from "../../src/spool/upkeep.ts";
import { newJob, poll, queueAll, states, takeOne } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { createSeededRandom } from "../help/seeded-random.ts";
import { type Failure, flaky } from "../help/spool.flaky.ts";
import { createMemorySpool, type MemorySpoolOptions } from "../help/spool.memory.ts";

function rig(options: MemorySpoolOptions = {}) {
  const clock = createManualClock();
  const spool = createMemorySpool(clock, createSeededRandom(1), options);
  const events: OutriggerEvent[] = [];
  const lapsed: JobSummary[] = [];
  const failing: { now: Failure } = { now: null };
  const between = flaky(spool, () => failing.now);
  const upkeep = createUpkeep({
    spool: between,
    clock,
    lapsed: (jobs) => void lapsed.push(...jobs),
    emit: (event) => void events.push(event),
  });
  return {
    clock,
    spool,
    upkeep,
    events,
    lapsed,
    failing,
    calls: between.calls,
    put: (n: number, maxAgeMs = 86_400_000) =>
      queueAll(
        spool,
        Array.from({ length: n }, () => newJob(clock, { maxAgeMs })),
      ),
    /** A round of upkeep is due each second. */
    async pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= 20) {
        clock.advance(Math.min(20, left));
        await new Promise(setImmediate);
      }
    },
    levels: () => events.flatMap((event) => (event.type === "spool.full" ? [[event.level, event.bound]] : [])),
  };
}

test("of what was verified and nobody asks about any more it is said that it lapsed", async () => {
  const { clock, spool, upkeep, pass, events, lapsed } = rig();
  const verify = { poll: poll(), delayMs: 0, forMs: 1000 };
  await queueAll(spool, [newJob(clock, { maxAgeMs: 1000, origin: "sync", verify })]);
  upkeep.start();
  await pass(60_000);
  expect(lapsed).toEqual([]);
  await pass(2_500);
  expect(lapsed).toMatchObject([{ app: "quiz", capability: "winner", state: "verifying", origin: "sync" }]);
  expect(events).toEqual([]);
});

test("jobs that are too old go to the dead-letter queue, and each is told", async () => {
  const { put, pass, upkeep, events, spool } = rig();
  const ids = await put(250, 5_000);
  await put(3);
  upkeep.start();
  await pass(4_900);
  expect(events).toEqual([]);
  await pass(3_000);
  expect(events).toHaveLength(250);
  expect(new Set(events.map((event) => (event.type === "dlq.added" ? event.id : "")))).toEqual(new Set(ids));
  expect(events[0]).toMatchObject({
    type: "dlq.added",
    app: "quiz",
    capability: "winner",
    reason: "expired",
    sends: 0,
  });
  expect(await states(spool)).toEqual({ dead: 250, queued: 3 });
  upkeep.stop();
});

test("a spool that fills up is told at 80 percent, when full, and when there is room again, once each", async () => {
  const { put, pass, upkeep, levels, events, spool } = rig({ maxJobs: 10 });
  upkeep.start();
  await put(7);
  await pass(3_000);
  expect(levels()).toEqual([]);
  await put(1);
  await pass(3_000);
  expect(levels()).toEqual([["80 percent", "jobs"]]);
  const more = await put(2);
  await pass(3_000);
  expect(events.at(-1)).toMatchObject({
    type: "spool.full",
    level: "full",
    bound: "jobs",
    jobs: 10,
    maxJobs: 10,
    dead: 0,
  });
  await spool.change("cancel", more);
  await pass(1_000);
  const rest = await spool.list({ filter: { states: ["queued"] }, limit: 5, cursor: null });
  await spool.change(
    "cancel",
    rest.items.map(({ id }) => id),
  );
  await pass(3_000);
  expect(levels()).toEqual([
    ["80 percent", "jobs"],
    ["full", "jobs"],
    ["80 percent", "jobs"],
    ["room again", "jobs"],
  ]);
  upkeep.stop();
});

test("a spool that is full, has room for one and is full again is told once, until it is well below its bound", async () => {
  const { put, upkeep, levels, spool } = rig({ maxJobs: 100 });
  const look = async (): Promise<void> => {
    upkeep.look();
    await new Promise(setImmediate);
  };
  const cancel = async (n: number): Promise<void> => {
    const { items } = await spool.list({ filter: { states: ["queued"] }, limit: n, cursor: null });
    await spool.change(
      "cancel",
      items.map(({ id }) => id),
    );
    await look();
  };
  await put(100);
  await look();
  for (let i = 0; i < 5; i++) {
    await cancel(i + 1);
    await put(i + 1);
    await look();
  }
  await cancel(10);
  expect(levels()).toEqual([["full", "jobs"]]);
  await cancel(1);
  await put(11);
  await look();
  expect(levels()).toEqual([
    ["full", "jobs"],
    ["80 percent", "jobs"],
    ["full", "jobs"],
  ]);
  await cancel(25);
  expect(levels()).toHaveLength(4);
  await put(5);
  await look();
  for (let i = 0; i < 5; i++) {
    await cancel(1);
    await put(1);
    await look();
  }
  expect(levels().slice(3)).toEqual([["80 percent", "jobs"]]);
  await cancel(6);
  expect(levels().slice(4)).toEqual([["room again", "jobs"]]);
});

test("the bound that is nearer is the one that is told", async () => {
  const { put, pass, upkeep, events } = rig({ maxJobs: 1_000, maxBytes: 10_000 });
  upkeep.start();
  await put(16);
  await pass(1_000);
  expect(events).toMatchObject([
    { type: "spool.full", level: "80 percent", bound: "bytes", maxBytes: 10_000, jobs: 16 },
  ]);
  upkeep.stop();
});

test("a put that was refused is looked into at once", async () => {
  const { put, upkeep, levels } = rig({ maxJobs: 2 });
  await put(2);
  upkeep.look();
  await new Promise(setImmediate);
  expect(levels()).toEqual([["full", "jobs"]]);
});

test("a store that is away is looked after in the next round", async () => {
  const { put, pass, upkeep, events, failing } = rig();
  await put(2, 500);
  failing.now = "before";
  upkeep.start();
  upkeep.look();
  await pass(5_000);
  expect(events).toEqual([]);
  failing.now = null;
  await pass(1_000);
  expect(events).toHaveLength(2);
  upkeep.stop();
});

test("a job that is under way does not expire", async () => {
  const { put, pass, upkeep, events, spool } = rig();
  await put(1, 2_000);
  await takeOne(spool);
  upkeep.start();
  await pass(5_000);
  expect(events).toEqual([]);
  expect(await states(spool)).toEqual({ leased: 1 });
  upkeep.stop();
});

test("after its end nothing is asked any more", async () => {
  const { put, pass, upkeep, calls, clock } = rig();
  await put(250, 10);
  upkeep.start();
  await pass(1_000);
  upkeep.stop();
  await pass(1_000);
  const before = calls();
  await pass(10_000);
  expect(calls()).toBe(before);
  expect(clock.pending()).toBe(0);
});

test("a spool that fills up while a round through very many jobs goes on is told before that ends", async () => {
  const { clock, spool, put } = rig({ maxJobs: 10 });
  const levels: unknown[] = [];
  const endless = { ...spool, sweep: async () => ({ expired: [], lapsed: [], more: true }) };
  const emit = (event: OutriggerEvent) => void levels.push(event.type === "spool.full" ? event.level : event);
  const upkeep = createUpkeep({ spool: endless, clock, emit, lapsed: () => undefined });
  upkeep.start();
  for (const n of [8, 2]) {
    await put(n);
    clock.advance(1_000);
    await new Promise(setImmediate);
  }
  expect(levels).toEqual(["80 percent", "full"]);
  upkeep.stop();
});
