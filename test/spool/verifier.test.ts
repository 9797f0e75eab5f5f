import { describe, expect, test } from "vitest";
import { newJob, poll, queue, states, takePoll } from "../contract/spool.rig.ts";
import { ok, testRoute } from "../help/deliverer.route.ts";
import { delivererRig, heldBack, type RigOptions, SETTINGS } from "../help/deliverer.ts";
import type { ManualClock } from "../help/manual-clock.ts";
import { failInTurn, flaky } from "../help/spool.flaky.ts";
import { FAILED, NOT_YET, toVerify, VERIFIED, verifyRoute } from "../help/verifier.route.ts";

const QUIZ = { app: "quiz", capability: "winner" };

/** A deliverer and a verifier of one route, whose app answers well and is asked then. */
async function setUp(given: RigOptions & { readonly forMs?: number; readonly onDead?: "release" | "block" } = {}) {
  const { forMs = 60_000, onDead = "release", ...options } = given;
  const rig = delivererRig(options);
  const route = testRoute(QUIZ, { answer: (job) => toVerify(job, forMs), onDead });
  const asked = verifyRoute(QUIZ, { onDead });
  rig.verifier.apply([asked], SETTINGS);
  rig.deliverer.apply([route], SETTINGS);
  await rig.deliverer.start();
  await rig.verifier.start();
  return { ...rig, route, asked };
}

describe("a job with a good answer", () => {
  test("is asked about after the interval, not before, and delivered when its app says so", async () => {
    const { put, pass, asked, store, said, clock, ends } = await setUp();
    const [id] = await put(QUIZ);
    await pass(500);
    expect(await states(store)).toEqual({ verifying: 1 });
    expect([asked.questions, said("delivery.delivered")]).toEqual([[], []]);
    await pass(500);
    expect(asked.questions).toMatchObject([{ poll: poll(), requestId: "req-1" }]);
    expect(await store.find(id!)).toMatchObject({ state: "delivered", attempts: 1, sends: 1 });
    expect(said("delivery.delivered")).toMatchObject([
      { id, upstream: "primary", status: 200, sends: 1, lagMs: clock.now() },
    ]);
    expect(ends).toMatchObject([{ ...QUIZ, id, result: "verified", origin: "async", polls: 1, detail: null }]);
  });

  test("is asked about again and again while nothing is known, and what was said is kept", async () => {
    const { put, pass, asked, store } = await setUp();
    const [id] = await put(QUIZ);
    asked.says = (n) => (n < 3 ? NOT_YET : VERIFIED);
    await pass(3000, 100);
    const between = await store.find(id!);
    expect(between).toMatchObject({ state: "verifying", poll: { last: NOT_YET.kind === "not_yet" && NOT_YET.detail } });
    expect(between?.poll?.polls).toBe(asked.questions.length);
    await pass(2000, 100);
    expect(asked.questions).toHaveLength(4);
    expect(await states(store)).toEqual({ delivered: 1 });
  });

  test("is sent again by its schedule when it was not done, which spent an attempt, and asked about anew", async () => {
    const { put, pass, asked, store, route, said, ends } = await setUp();
    const [id] = await put(QUIZ);
    asked.says = (n) => (n === 0 ? FAILED : VERIFIED);
    await pass(1000);
    expect(await store.find(id!)).toMatchObject({ state: "queued", attempts: 1, sends: 1 });
    expect(said("delivery.retry")).toMatchObject([
      { id, reason: "verification_failed", status: 0, attempts: 1, delayMs: 1000 },
    ]);
    expect(ends).toMatchObject([{ id, result: "failed", detail: '/state is "failed"', url: poll().url }]);
    await pass(1000);
    expect(route.sends.map(({ job }) => [job.attempts, job.sends])).toEqual([
      [0, 0],
      [1, 1],
    ]);
    await pass(1000);
    expect(await store.find(id!)).toMatchObject({ state: "delivered", attempts: 2, sends: 2 });
  });

  test("is dead of it when its attempts are spent", async () => {
    const { put, pass, asked, store, said } = await setUp();
    const [id] = await put(QUIZ);
    asked.says = () => FAILED;
    await pass(60_000, 250);
    expect(asked.questions).toHaveLength(5);
    expect(await store.find(id!)).toMatchObject({
      state: "dead",
      reason: "verification_failed",
      detail: '/state is "failed"',
      attempts: 5,
    });
    expect(said("dlq.added")).toMatchObject([{ id, reason: "verification_failed", sends: 5 }]);
  });

  test("is not sent again where that may not be", async () => {
    const { put, pass, asked, store, route } = await setUp();
    route.answer = (job) => toVerify(job, 60_000, { repeatable: false });
    const [id] = await put(QUIZ);
    asked.says = () => FAILED;
    await pass(1000);
    const detail = '/state is "failed"; it may not be sent again (retry.repeat: safe)';
    expect(await store.find(id!)).toMatchObject({ state: "dead", reason: "verification_failed", detail });
  });

  test("has failed when the time is up, after one last question", async () => {
    const { put, pass, asked, store, clock, ends } = await setUp({ forMs: 2500 });
    const [id] = await put(QUIZ);
    asked.says = () => NOT_YET;
    await pass(2400, 100);
    expect(await store.find(id!)).toMatchObject({ state: "verifying" });
    await pass(100, 100);
    expect(clock.now()).toBe(2500);
    expect(await store.find(id!)).toMatchObject({ state: "queued", attempts: 1 });
    expect(ends).toMatchObject([{ result: "failed", detail: 'in time: /state is "queued"' }]);
  });

  test("is asked about no sooner than its app wishes, though time is up then", async () => {
    const { put, pass, asked, store } = await setUp({ forMs: 2000 });
    const [id] = await put(QUIZ);
    asked.says = (n) => (n === 0 ? { kind: "not_yet", detail: "busy", retryAfterMs: 5000 } : VERIFIED);
    await pass(5900, 100);
    expect(asked.questions).toHaveLength(1);
    await pass(200, 100);
    expect(asked.questions).toHaveLength(2);
    expect(await store.find(id!)).toMatchObject({ state: "delivered" });
  });

  test("is dead of its age when that is over before the next send, and never lives longer for a wish of its app", async () => {
    const { put, pass, asked, store } = await setUp();
    const [id] = await put(QUIZ, 1, { maxAgeMs: 10_000 });
    asked.says = () => ({ kind: "not_yet", detail: "busy", retryAfterMs: 3_600_000 });
    await pass(10_000, 500);
    expect(await store.find(id!)).toMatchObject({ state: "dead", reason: "expired", detail: "in time: busy" });
  });

  test("that can't be asked about is as good as undone, and counted apart", async () => {
    const { put, pass, asked, store, route, said, ends } = await setUp();
    route.answer = (job, n) => (n === 0 ? { ...ok(job), verify: { ok: false, error: "no id" } } : toVerify(job));
    const [id] = await put(QUIZ);
    await pass(10);
    expect(await store.find(id!)).toMatchObject({ state: "queued", attempts: 1, sends: 1 });
    expect(said("delivery.retry")).toMatchObject([{ reason: "verification_failed" }]);
    expect(ends).toMatchObject([{ id, result: "unverified", detail: "no id", url: null, polls: 0 }]);
    await pass(3000, 500);
    expect(asked.questions).toHaveLength(1);
    expect(await states(store)).toEqual({ delivered: 1 });
  });

  test("whose route is not verified any more is delivered, and counted as unverified", async () => {
    const { put, pass, asked, store, verifier, ends } = await setUp();
    await put(QUIZ);
    await pass(500);
    verifier.apply([{ ...asked, poll: null }], SETTINGS);
    await pass(500);
    expect(await states(store)).toEqual({ delivered: 1 });
    expect(ends).toMatchObject([{ result: "unverified", detail: "the route is not verified any more" }]);
    expect(asked.questions).toEqual([]);
  });

  test("whose route is gone waits until it returns", async () => {
    const { put, pass, asked, store, verifier } = await setUp();
    await put(QUIZ);
    await pass(500);
    verifier.apply([], SETTINGS);
    await pass(5000, 500);
    expect(await states(store)).toEqual({ verifying: 1 });
    verifier.apply([asked], SETTINGS);
    await pass(10);
    expect(await states(store)).toEqual({ delivered: 1 });
  });
});

describe("order keys", () => {
  test("are held while one is verified, and let go when it was done", async () => {
    const { put, pass, route, asked } = await setUp();
    asked.says = (n) => (n === 0 ? NOT_YET : VERIFIED);
    const [first, second] = await put(QUIZ, 2, { orderKey: "room-1" });
    await pass(1500, 100);
    expect(route.ids()).toEqual([first]);
    await pass(500, 100);
    expect(route.ids()).toEqual([first, second]);
  });

  test("stay held for the one that is to be sent again", async () => {
    const { put, pass, route, asked } = await setUp();
    asked.says = (n) => (n === 0 ? FAILED : VERIFIED);
    const [first, second] = await put(QUIZ, 2, { orderKey: "room-1" });
    await pass(4000, 100);
    expect(route.ids()).toEqual([first, first, second]);
  });

  test.for(["release", "block"] as const)("with on_dead: %s, when it is dead", async (onDead) => {
    const { put, pass, route, asked, store } = await setUp({ onDead });
    route.answer = (job) => toVerify(job, 60_000, { repeatable: false });
    asked.says = () => FAILED;
    await put(QUIZ, 2, { orderKey: "room-1" });
    await pass(1100, 100);
    expect(route.sends).toHaveLength(onDead === "release" ? 2 : 1);
    expect((await store.survey()).routes).toMatchObject([{ behind: onDead === "release" ? 0 : 1 }]);
  });
});

describe("a call that has its answer", () => {
  const record = async (rig: Awaited<ReturnType<typeof setUp>>): Promise<string> => {
    const verify = { poll: poll(), delayMs: 1000, forMs: 60_000 };
    const id = await queue(rig.store, newJob(rig.clock, { origin: "sync", verify, sends: 1 }));
    rig.verifier.begun(QUIZ, 1000);
    return id;
  };

  test.each([
    ["verified", VERIFIED],
    ["failed", FAILED],
  ] as const)("is %s, and only that is told: there is nothing to deliver or to send again", async (result, found) => {
    const rig = await setUp();
    rig.asked.says = () => found;
    const id = await record(rig);
    await rig.pass(1000);
    expect(rig.ends).toMatchObject([{ id, requestId: "req-1", origin: "sync", result, polls: 1 }]);
    expect(rig.events).toEqual([]);
    expect(await states(rig.store)).toEqual({});
    expect(rig.route.sends).toEqual([]);
  });
});

describe("questions", () => {
  test("are bounded by app and in all, take no slot of a delivery, and none starves", async () => {
    const rig = delivererRig();
    const names = Array.from({ length: 6 }, (_, i) => ({ app: `app-${i}`, capability: "c" }));
    const routes = names.map((name) => testRoute(name, { answer: (job) => toVerify(job) }));
    const asked = names.map((name) => verifyRoute(name));
    for (const one of asked) one.says = () => null;
    rig.verifier.apply(asked, { concurrency: 6, perApp: 4 });
    rig.deliverer.apply(routes, SETTINGS);
    await rig.deliverer.start();
    await rig.verifier.start();
    for (const name of names.slice(0, 5)) await rig.put(name, 10);
    await rig.pass(1000);
    const open = asked.map(({ questions }) => questions.length);
    expect(open.slice(0, 5).reduce((a, b) => a + b)).toBeLessThanOrEqual(6 + 4);
    expect(Math.max(...open)).toBe(4);
    expect(Math.min(...open.slice(0, 5))).toBeGreaterThanOrEqual(1);
    expect(await states(rig.store)).toEqual({ verifying: 50 });
    await rig.put(names[5]!, 1);
    await rig.pass(1000);
    expect(asked[5]!.questions).toHaveLength(1);
    for (const one of asked) one.says = () => VERIFIED;
    for (const one of asked) for (let n = 0; n < 4; n++) one.end(VERIFIED);
    await rig.pass(100);
    expect(await states(rig.store)).toEqual({ delivered: 51 });
  });

  test("of the routes of one app are asked in turn", async () => {
    const rig = delivererRig();
    const names = ["a", "b"].map((capability) => ({ app: "quiz", capability }));
    const asked = names.map((name) => verifyRoute(name));
    rig.verifier.apply(asked, { concurrency: 1, perApp: 1 });
    rig.deliverer.apply(
      names.map((name) => testRoute(name, { answer: (job) => toVerify(job) })),
      SETTINGS,
    );
    await rig.deliverer.start();
    await rig.verifier.start();
    for (const one of asked) one.says = () => null;
    for (const name of names) await rig.put(name, 3);
    await rig.pass(1000);
    const seen: number[][] = [];
    for (let n = 0; n < 4; n++) {
      for (const one of asked) one.end(VERIFIED);
      await rig.pass(1);
      seen.push(asked.map(({ questions }) => questions.length));
    }
    for (const [a = 0, b = 0] of seen) expect(Math.abs(a - b)).toBeLessThanOrEqual(1);
  });
});

describe("a stop", () => {
  test("ends the questions, gives them back as they were, and the next start asks at once", async () => {
    const rig = await setUp();
    rig.asked.says = () => null;
    const [id] = await rig.put(QUIZ);
    await rig.pass(1000);
    expect(rig.asked.questions).toHaveLength(1);
    await rig.stop();
    expect(rig.asked.questions[0]?.signal.aborted).toBe(true);
    expect(await rig.store.find(id!)).toMatchObject({ state: "verifying", poll: { polls: 0, last: null } });
    expect(rig.ends).toEqual([]);
    expect(await takePoll(rig.store)).toMatchObject({ lease: { id }, leftMs: 59_000 });
  });

  test("gives back what was on its way from the store", async () => {
    const gate = heldBack("claim");
    const rig = await setUp({ between: gate.between });
    await rig.put(QUIZ);
    await rig.pass(500);
    gate.hold = true;
    await rig.pass(500);
    const stopped = rig.stop();
    gate.release();
    await stopped;
    expect(await takePoll(rig.store)).toMatchObject({ poll: poll() });
  });
});

test.each(["verified", "not_yet", "failed"] as const)(
  "a stop while the store does not take that it was %s comes to its end",
  async (kind) => {
    let failing = false;
    const rig = await setUp({
      between: (store) => flaky(store, (_, verb) => (failing && verb === "settle" ? "before" : null)),
    });
    rig.asked.says = () => ({ verified: VERIFIED, not_yet: NOT_YET, failed: FAILED })[kind];
    await rig.put(QUIZ);
    await rig.pass(500);
    failing = true;
    await rig.pass(500);
    expect(rig.asked.questions).toHaveLength(1);
    const before = rig.clock.now();
    await Promise.race([rig.stop(), tooLate(rig.clock, before + 120_000)]);
    expect(rig.ends).toEqual([]);
  },
);

/** Rejects once a manual clock has come so far. */
async function tooLate(clock: Pick<ManualClock, "now">, at: number): Promise<never> {
  while (clock.now() < at) await new Promise(setImmediate);
  throw new Error("the stop did not end");
}

test("a job that is to be sent again is, though the store's word on that was lost", async () => {
  let lose = true;
  const rig = await setUp({
    between: (store) => {
      const bad = flaky(store, () => "after");
      return new Proxy(store, {
        get: (_, verb: keyof typeof store) =>
          verb !== "settle"
            ? store[verb]
            : (...[lease, settlement]: Parameters<typeof store.settle>) => {
                const once = lose && settlement.kind === "again";
                lose &&= !once;
                return (once ? bad : store).settle(lease, settlement);
              },
      });
    },
  });
  rig.asked.says = (n) => (n === 0 ? FAILED : VERIFIED);
  const [id] = await rig.put(QUIZ);
  await rig.pass(10_000, 100);
  expect(lose).toBe(false);
  expect(rig.route.ids()).toEqual([id, id]);
  expect(await states(rig.store)).toEqual({ delivered: 1 });
});

test("an app's word counts, though the route is not verified any more by the time it comes", async () => {
  const rig = await setUp();
  rig.asked.says = () => null;
  await rig.put(QUIZ);
  await rig.pass(1000);
  rig.verifier.apply([{ ...rig.asked, poll: null }], SETTINGS);
  rig.asked.end(VERIFIED);
  await rig.pass(10);
  expect(rig.ends).toMatchObject([{ result: "verified", detail: null }]);
});

test("what was on its way from the store at a reload is asked as the new manifest says", async () => {
  const gate = heldBack("claim");
  const rig = await setUp({ between: gate.between });
  await rig.put(QUIZ);
  await rig.pass(500);
  gate.hold = true;
  await rig.pass(500);
  const next = verifyRoute(QUIZ);
  rig.verifier.apply([next], SETTINGS);
  gate.release();
  await rig.pass(10);
  expect([rig.asked.questions.length, next.questions.length]).toEqual([0, 1]);
  expect(await states(rig.store)).toEqual({ delivered: 1 });
});

test("what another process left is asked about from the start", async () => {
  const rig = delivererRig();
  const verify = { poll: poll(), delayMs: 0, forMs: 60_000 };
  await queue(rig.store, newJob(rig.clock, { origin: "sync", verify }));
  await takePoll(rig.store);
  rig.store.recover();
  const asked = verifyRoute(QUIZ);
  rig.verifier.apply([asked], SETTINGS);
  await rig.verifier.start();
  await rig.pass(10);
  expect(rig.ends).toMatchObject([{ result: "verified" }]);
});

test("a store that fails for a while, before or after it did what it was asked, loses none, and each is told once", async () => {
  let failing = false;
  const plan = failInTurn(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? "before" : "after")));
  const rig = await setUp({
    forMs: 3_600_000,
    between: (store) => {
      const bad = flaky(store, plan);
      return new Proxy(store, { get: (_, verb: keyof typeof store) => (failing ? bad : store)[verb] });
    },
  });
  rig.asked.says = (n) => (n < 5 ? NOT_YET : VERIFIED);
  await rig.put(QUIZ, 10);
  const verify = { poll: poll(), delayMs: 1000, forMs: 3_600_000 };
  for (let n = 0; n < 5; n++) await queue(rig.store, newJob(rig.clock, { origin: "sync", verify }));
  rig.verifier.begun(QUIZ, 1000);
  await rig.pass(500);
  failing = true;
  await rig.pass(120_000, 250);
  expect(await states(rig.store)).toEqual({ delivered: 10 });
  expect(rig.route.sends).toHaveLength(10);
  expect(rig.ends.map(({ result }) => result)).toEqual(Array(15).fill("verified"));
  expect(new Set(rig.ends.map(({ id }) => id)).size).toBe(15);
});

test("one that an operator cancels while its app is asked stays cancelled", async () => {
  const rig = await setUp();
  rig.asked.says = () => null;
  const [id] = await rig.put(QUIZ);
  await rig.pass(1000);
  await rig.store.change("cancel", [id!]);
  rig.asked.end(VERIFIED);
  await rig.pass(10);
  expect(await states(rig.store)).toEqual({ cancelled: 1 });
  expect([rig.ends, rig.said("delivery.delivered")]).toEqual([[], []]);
});
