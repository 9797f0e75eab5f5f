import { expect, test } from "vitest";
import type { Spool } from "../../src/spool/port.ts";
import { states } from "../contract/spool.rig.ts";
import { hang, ok, testRoute } from "../help/deliverer.route.ts";
import { delivererRig, heldBack, SETTINGS } from "../help/deliverer.ts";
import { flaky } from "../help/spool.flaky.ts";

const QUIZ = { app: "quiz", capability: "winner" };
const TWO_SLOTS = { concurrency: 2, perApp: 2, batch: 8 };

test("a stop ends the sends and gives all jobs back, with no try spent", async () => {
  for (const written of [false, true]) {
    const rig = delivererRig();
    const route = testRoute(QUIZ, { answer: hang });
    route.written = written;
    rig.deliverer.apply([route], TWO_SLOTS);
    const ids = await rig.put(route, 4);
    await rig.deliverer.start();
    await rig.settled();
    expect(await states(rig.store)).toEqual({ leased: 4 });
    await rig.stop();
    expect(route.sends.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await states(rig.store)).toEqual({ queued: 4 });
    const jobs = await Promise.all(ids.map((id) => rig.store.find(id)));
    expect(jobs.map((job) => job?.attempts)).toEqual([0, 0, 0, 0]);
    // Only what was written may have arrived.
    expect(jobs.map((job) => [job?.inDoubt, job?.sends])).toEqual(
      ids.map((id) => (written && route.ids().includes(id) ? [true, 1] : [false, 0])),
    );
    expect(rig.said("delivery.delivered", "dlq.added")).toEqual([]);
  }
});

test("an answer that comes with the stop counts, and nothing begins after it", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], TWO_SLOTS);
  await rig.put(route, 4);
  await rig.deliverer.start();
  await rig.settled();
  route.flying()[0]?.end(ok(route.flying()[0]!.job));
  await rig.stop();
  await rig.deliverer.stop();
  await rig.put(route);
  rig.deliverer.wake("quiz", null);
  await rig.pass(60_000);
  expect(await states(rig.store)).toEqual({ delivered: 1, queued: 4 });
  expect(route.sends).toHaveLength(2);
});

test("jobs whose claim is answered only after the stop began go back too, and are not in doubt", async () => {
  const gate = heldBack("claim");
  const rig = delivererRig({ between: gate.between });
  const route = testRoute(QUIZ);
  rig.deliverer.apply([route], SETTINGS);
  const [id] = await rig.put(route);
  gate.hold = true;
  await rig.deliverer.start();
  await rig.settled();
  expect(await states(rig.store)).toEqual({ leased: 1 });
  const stopped = rig.deliverer.stop();
  await rig.settled();
  gate.release();
  await stopped;
  expect(route.sends).toEqual([]);
  expect(await rig.store.find(id!)).toMatchObject({ state: "queued", attempts: 0, inDoubt: false });
});

test("a stop while the start looks at the store begins nothing", async () => {
  const gate = heldBack("survey");
  const rig = delivererRig({ between: gate.between });
  const route = testRoute(QUIZ);
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route);
  gate.hold = true;
  const started = rig.deliverer.start();
  await rig.deliverer.stop();
  gate.release();
  await started;
  await rig.settled();
  expect(await states(rig.store)).toEqual({ queued: 1 });
});

test("a stop does not wait without end for a store that is away", async () => {
  let away = false;
  const rig = delivererRig({ between: (store) => flaky(store, () => (away ? "before" : null)) });
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], TWO_SLOTS);
  await rig.put(route, 4);
  await rig.deliverer.start();
  await rig.settled();
  away = true;
  await rig.stop();
  // Its leases are nobody's: whoever opens it next knows that they are in doubt.
  expect(await states(rig.store)).toEqual({ leased: 4 });
});

test("jobs that an operator cancels while they wait for a slot are not sent", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], TWO_SLOTS);
  const ids = await rig.put(route, 5);
  await rig.deliverer.start();
  await rig.settled();
  const cancelled = [ids[1]!, ids[3]!];
  rig.deliverer.forget(new Set(cancelled));
  await rig.store.change("cancel", cancelled);
  rig.deliverer.wake("quiz", "winner");
  route.answer = ok;
  for (const send of route.flying()) send.end(ok(send.job));
  await rig.settled();
  // One of them was under way: it was ended.
  expect(route.sends.find(({ job }) => job.lease.id === ids[1])?.aborted).toBe(true);
  expect(route.ids()).not.toContain(ids[3]);
  expect(await states(rig.store)).toEqual({ delivered: 3, cancelled: 2 });
});

test("a job that is cancelled while its claim is on its way is not sent", async () => {
  const gate = heldBack("claim");
  const rig = delivererRig({ between: gate.between });
  const route = testRoute(QUIZ);
  rig.deliverer.apply([route], SETTINGS);
  const ids = await rig.put(route, 2);
  gate.hold = true;
  await rig.deliverer.start();
  await rig.settled();
  rig.deliverer.forget(new Set([ids[0]!]));
  await rig.store.change("cancel", [ids[0]!]);
  gate.release();
  await rig.settled();
  expect(route.ids()).toEqual([ids[1]]);
  expect(await states(rig.store)).toEqual({ cancelled: 1, delivered: 1 });
});

test("a job that is retried after it was cancelled is sent, though a claim of before is still on its way", async () => {
  const late = Promise.withResolvers<void>();
  const POLL = { app: "poll", capability: "closed" };
  const between = (store: Spool): Spool => ({
    ...store,
    async claim(want) {
      const got = await store.claim(want);
      if (want.app === POLL.app) await late.promise;
      return got;
    },
  });
  const rig = delivererRig({ between });
  const [quiz, poll] = [testRoute(QUIZ), testRoute(POLL)];
  rig.deliverer.apply([quiz, poll], SETTINGS);
  rig.pauses.set({ ...QUIZ, cause: "paused", by: "ann", at: 1 });
  const ids = await rig.put(quiz);
  await rig.put(poll);
  await rig.deliverer.start();
  await rig.settled();
  rig.deliverer.forget(new Set(ids));
  await rig.store.change("cancel", ids);
  await rig.store.change("retry", ids);
  rig.pauses.end("quiz", "winner");
  rig.deliverer.wake("quiz", "winner");
  await rig.settled();
  expect(quiz.ids()).toEqual(ids);
  late.resolve();
  await rig.settled();
  expect(await states(rig.store)).toEqual({ delivered: 2 });
});

test("a job that could not be cancelled is sent after all", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], TWO_SLOTS);
  const ids = await rig.put(route, 3);
  await rig.deliverer.start();
  await rig.settled();
  route.answer = ok;
  // The store went away before it heard of the cancellation.
  rig.deliverer.forget(new Set([ids[0]!, ids[2]!]));
  await rig.settled();
  for (const send of route.flying()) send.end(ok(send.job));
  await rig.pass(5_000, 1_000);
  expect(await states(rig.store)).toEqual({ delivered: 3 });
  expect((await rig.store.find(ids[2]!))?.inDoubt).toBe(false);
});

test("jobs whose leases are lost while they wait for a slot are not sent under them; those under way go on", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], TWO_SLOTS);
  const ids = await rig.put(route, 4);
  await rig.deliverer.start();
  await rig.settled();
  // Somebody else has all of them by now.
  await rig.store.hold([]);
  const theirs = (await rig.store.claim({ ...QUIZ, lane: "first", max: 4, maxBytes: 1e6 })).jobs;
  expect(theirs.map(({ lease }) => lease.id)).toEqual(ids);
  rig.deliverer.lost(new Set(ids));
  route.answer = ok;
  for (const send of route.flying()) send.end(ok(send.job));
  await rig.settled();
  expect(route.ids()).toEqual(ids.slice(0, 2));
  expect(route.sends.some(({ aborted }) => aborted)).toBe(false);
  for (const { lease } of theirs) expect(await rig.store.settle(lease, { kind: "delivered", tries: [] })).toBe(true);
});
