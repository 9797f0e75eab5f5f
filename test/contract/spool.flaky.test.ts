import fc from "fast-check";
import { expect, test } from "vitest";
import type { Lease, LeasedJob, NewJob, Settlement, Spool } from "../../src/spool/port.ts";
import { createManualClock, type ManualClock } from "../help/manual-clock.ts";
import { createSeededRandom } from "../help/seeded-random.ts";
import { type Failure, type FailurePlan, failAtRandom, failInTurn, flaky } from "../help/spool.flaky.ts";
import { createMemorySpool } from "../help/spool.memory.ts";
import { again, dead, delivered, newJob, QUIZ } from "./spool.rig.ts";

/** What the app does with a job, by its body: takes it, takes it at the second send, or never. */
const FATES = ["at once", "at the second", "never", "at the second", "at once", "never"] as const;

/** The settlements that a run is to end with, in the order of the puts. */
const ENDS = FATES.map((fate) => (fate === "never" ? "dead" : "delivered"));
const SENDS = FATES.map((fate) => (fate === "at the second" ? 2 : 1));

/** Asks again until it is answered. What has gone wrong so often is a bug of the test. */
async function persist<T>(ask: () => Promise<T>): Promise<T> {
  for (let n = 0; n < 100; n++) {
    try {
      return await ask();
    } catch {
      // Whether it was done is unknown: that is what the test is about.
    }
  }
  throw new Error("no answer to a hundred calls");
}

interface Run {
  readonly acknowledged: readonly string[];
  /** Bodies, as the app saw them. */
  readonly sends: readonly string[];
  /** Bodies of jobs that were leased again although nobody was sending them. */
  readonly inDoubt: readonly string[];
  readonly calls: number;
}

/** Puts a job of each fate, and works until nothing waits. */
async function work(inner: Spool, clock: ManualClock, plan: FailurePlan): Promise<Run> {
  const spool = flaky(inner, plan);
  const sends: string[] = [];
  const inDoubt: string[] = [];
  const held = new Map<string, Lease>();

  /** Half of the jobs keep an order. */
  const jobOf = (fate: string, i: number): NewJob =>
    newJob(clock, {
      body: Buffer.from(`${i} ${fate}`),
      orderKey: i % 2 ? "odd" : null,
      key: { hash: `key-${i}`, bodyHash: `body-${i}`, ttlMs: 1e6 },
    });

  const send = (job: LeasedJob): Settlement => {
    const text = job.body.toString();
    sends.push(text);
    if (job.inDoubt) inDoubt.push(text);
    if (text.endsWith("never")) return dead();
    return text.endsWith("at the second") && job.sends === 0 ? again(0, 500) : delivered(job.sends);
  };

  /** Of a lost claim the worker does not know what it leased: so it says what it has. */
  const claim = (lane: "first" | "retry") => {
    let lost = false;
    return persist(async () => {
      if (lost) await persist(() => spool.hold([...held.values()]));
      lost = true;
      return spool.claim({ ...QUIZ, lane, max: 2, maxBytes: 1e6 });
    });
  };

  const acknowledged: string[] = [];
  for (const [i, fate] of FATES.entries()) {
    const receipt = await persist(() => spool.put(jobOf(fate, i)));
    if (receipt.kind === "queued" || receipt.kind === "duplicate") acknowledged.push(receipt.id);
  }
  for (let idle = 0; idle < 2; idle++) {
    // Both claims come first, so that leases are held while a claim gets lost.
    const jobs = [...(await claim("first")).jobs];
    for (const { lease } of jobs) held.set(lease.id, lease);
    jobs.push(...(await claim("retry")).jobs);
    for (const { lease } of jobs) held.set(lease.id, lease);
    for (const job of jobs) {
      const settlement = send(job);
      // False is as good: it was settled by a call whose answer was lost.
      await persist(() => spool.settle(job.lease, settlement));
      held.delete(job.lease.id);
      idle = -1;
    }
    expect(sends.length).toBeLessThan(100);
    clock.advance(500);
  }
  return { acknowledged, sends, inDoubt, calls: spool.calls() };
}

async function runWith(plan: FailurePlan): Promise<Run> {
  const clock = createManualClock();
  const spool = createMemorySpool(clock, createSeededRandom(7));
  const lost: string[] = [];
  const run = await work(spool, clock, (n, verb) => {
    const failure = plan(n, verb);
    if (failure === "after") lost.push(verb);
    return failure;
  });
  expect(new Set(run.acknowledged).size).toBe(FATES.length);
  const ended = await Promise.all(run.acknowledged.map((id) => spool.find(id)));
  expect(ended.map((job) => job?.state)).toEqual(ENDS);
  // Nothing else is there: a put whose answer was lost made no second job.
  expect((await spool.list({ filter: {}, limit: 100, cursor: null })).items).toHaveLength(FATES.length);
  expect(ended.map((job) => job?.sends)).toEqual(SENDS);
  const seen = FATES.map((fate, i) => run.sends.filter((text) => text === `${i} ${fate}`).length);
  expect(seen).toEqual(SENDS);
  // A job is in doubt only where the answer to a claim was lost, since this worker never dies.
  if (!lost.includes("claim")) expect(run.inDoubt).toEqual([]);
  return run;
}

const nothing: FailurePlan = () => null;

test("a worker delivers or buries every job, and nothing in doubt, where nothing fails", async () => {
  expect((await runWith(nothing)).inDoubt).toEqual([]);
});

test.for(["before", "after"] as const)("it does so whichever one call fails %s it is done", async (failure) => {
  const { calls } = await runWith(nothing);
  let doubts = 0;
  for (let at = 0; at < calls; at++) {
    doubts += (await runWith((n) => (n === at ? failure : null))).inDoubt.length;
  }
  // Else the wrapper, or the check, was idle.
  expect(doubts > 0).toBe(failure === "after");
});

test("it does so whichever two calls in a row fail", async () => {
  const { calls } = await runWith(nothing);
  const pairs = (["before", "after"] as const).flatMap((a) =>
    (["before", "after"] as const).map((b) => [a, b] as const),
  );
  for (const [a, b] of pairs) {
    for (let at = 0; at < calls; at++) {
      const failures: Failure[] = [...Array.from({ length: at }, () => null), a, b];
      await runWith(failInTurn(failures));
    }
  }
});

test("it does so whichever calls fail", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.double({ min: 0, max: 0.6, noNaN: true }), async (seed, share) => {
      await runWith(failAtRandom(createSeededRandom(seed), share));
    }),
    { numRuns: 200 },
  );
});

test("a failure before a call leaves it undone, one after it does not", async () => {
  const clock = createManualClock();
  const memory = createMemorySpool(clock, createSeededRandom(7));
  const spool = flaky(memory, failInTurn(["before", "after", null]));
  const count = async (): Promise<number> => (await memory.survey()).states.queued;
  await expect(spool.put(newJob(clock))).rejects.toThrow("not done");
  expect(await count()).toBe(0);
  await expect(spool.put(newJob(clock))).rejects.toThrow("the answer is lost");
  expect(await count()).toBe(1);
  expect((await spool.put(newJob(clock))).kind).toBe("queued");
});
