import { expect, test } from "vitest";
import { states } from "../contract/spool.rig.ts";
import { failing, gone, hang, ok, testRoute } from "../help/deliverer.route.ts";
import { delivererRig, heldBack, SETTINGS } from "../help/deliverer.ts";

const QUIZ = { app: "quiz", capability: "winner" };
const POLL = { app: "quiz", capability: "closed" };

test("while the breaker is open nothing is claimed or sent, and the route is said to be parked once", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  route.open = true;
  route.retryAfter = 500;
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route, 3);
  await rig.deliverer.start();
  await rig.pass(5_000, 250);
  expect(route.sends).toHaveLength(0);
  expect(await states(rig.store)).toEqual({ queued: 3 });
  expect(rig.events).toEqual([{ type: "route.parked", at: 1_700_000_000_000, ...QUIZ, cause: "breaker_open" }]);
  expect(rig.deliverer.parked("quiz", "winner")).toEqual({ cause: "breaker_open", since: 1_700_000_000_000 });

  route.open = false;
  rig.deliverer.wake("quiz", "winner");
  await rig.settled();
  expect(route.sends.map(({ job }) => job.attempts)).toEqual([0, 0, 0]);
  expect(await states(rig.store)).toEqual({ delivered: 3 });
  expect(rig.said("route.parked", "route.resumed").map(({ type }) => type)).toEqual(["route.parked", "route.resumed"]);
  expect(rig.deliverer.parked("quiz", "winner")).toBeNull();
});

test("a route looks again when its breaker would admit, though nobody wakes it", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  route.open = true;
  route.retryAfter = 30_000;
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route, 2);
  await rig.deliverer.start();
  await rig.settled();
  route.open = false;
  await rig.pass(29_999);
  expect(route.sends).toHaveLength(0);
  await rig.pass(1);
  expect(route.sends).toHaveLength(2);
});

test("jobs that were fetched before the breaker opened wait without a send, and go first when it closes", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 8 });
  const ids = await rig.put(route, 4);
  await rig.deliverer.start();
  await rig.settled();
  route.open = true;
  route.flying()[0]?.end(failing(route.flying()[0]!.job));
  await rig.pass(10_000, 1_000);
  expect(route.sends).toHaveLength(1);
  route.answer = ok;
  route.open = false;
  rig.deliverer.wake("quiz", null);
  await rig.settled();
  expect(new Set(route.ids())).toEqual(new Set(ids));
  expect(route.sends.map(({ job }) => job.attempts).toSorted()).toEqual([0, 0, 0, 0, 1]);
  expect(await states(rig.store)).toEqual({ delivered: 4 });
});

test("jobs that were fetched before the breaker opened die when they are too old, though it stays open", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  route.retryAfter = 3_600_000;
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 8 });
  await rig.put(route);
  const old = await rig.put(route, 2, { maxAgeMs: 10_000 });
  await rig.deliverer.start();
  await rig.settled();
  route.open = true;
  route.flying()[0]?.end(failing(route.flying()[0]!.job));
  await rig.pass(9_999, 1_111);
  expect(rig.said("dlq.added")).toEqual([]);
  expect(await states(rig.store)).toEqual({ leased: 2, queued: 1 });
  await rig.pass(1);
  expect(rig.said("dlq.added")).toMatchObject(old.map((id) => ({ id, reason: "expired", sends: 0 })));
  expect(await states(rig.store)).toEqual({ dead: 2, queued: 1 });
});

test("a half-open breaker that tries one refuses the others for a moment, which is no news", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  rig.deliverer.apply([route], SETTINGS);
  route.open = true;
  await rig.put(route);
  await rig.deliverer.start();
  await rig.settled();
  expect(rig.events).toEqual([]);
  expect(rig.deliverer.parked("quiz", "winner")).toBeNull();
  route.open = false;
  // Its event may never come.
  await rig.pass(1_000);
  expect(route.sends).toHaveLength(1);
});

test("a route is parked until its breaker has closed, through all its trials, which are no news", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 8 });
  route.open = true;
  route.retryAfter = 1_000;
  await rig.put(route, 3);
  await rig.deliverer.start();
  await rig.settled();
  const since = rig.deliverer.parked("quiz", "winner")?.since;
  for (let trial = 1; trial <= 3; trial++) {
    route.open = false;
    route.trial = true;
    await rig.pass(1_000);
    expect(route.sends).toHaveLength(trial);
    route.open = true;
    expect(rig.deliverer.parked("quiz", "winner")).toEqual({ cause: "breaker_open", since });
    route.flying()[0]?.end(failing(route.flying()[0]!.job));
    await rig.settled();
  }
  expect(rig.said("route.parked", "route.resumed").map(({ type }) => type)).toEqual(["route.parked"]);
  route.open = false;
  route.trial = false;
  route.answer = ok;
  await rig.pass(1_000);
  expect(rig.said("route.parked", "route.resumed").map(({ type }) => type)).toEqual(["route.parked", "route.resumed"]);
  expect(rig.deliverer.parked("quiz", "winner")).toBeNull();
});

test("a trial fetches one job, not those that would wait here should it fail", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  route.open = true;
  route.retryAfter = 1_000;
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route, 8);
  await rig.deliverer.start();
  await rig.settled();
  route.open = false;
  route.trial = true;
  const { send } = route;
  // As a breaker does that tries one at a time.
  const sendOne: typeof send = (job) => {
    route.open = true;
    return send(job);
  };
  Object.assign(route, { send: sendOne });
  await rig.pass(1_000);
  expect(route.sends).toHaveLength(1);
  route.flying()[0]?.end(failing(route.flying()[0]!.job));
  await rig.settled();
  expect(await states(rig.store)).toEqual({ queued: 8 });
  route.open = false;
  route.trial = false;
  Object.assign(route, { send });
  route.answer = ok;
  await rig.pass(1_000);
  await rig.pass(1_000);
  expect(await states(rig.store)).toEqual({ delivered: 8 });
});

test("a route stays parked while the store is told of a trial that left the breaker as it was", async () => {
  const settles = heldBack("settle");
  const rig = delivererRig({ between: settles.between });
  const route = testRoute(QUIZ, { answer: hang });
  route.open = true;
  route.retryAfter = 1_000;
  rig.deliverer.apply([route], SETTINGS);
  const [id = ""] = await rig.put(route);
  await rig.deliverer.start();
  await rig.settled();
  route.open = false;
  route.trial = true;
  await rig.pass(1_000);
  expect(rig.deliverer.isOut(id)).toBe(true);
  settles.hold = true;
  route.flying()[0]?.end(failing(route.flying()[0]!.job));
  await rig.settled();
  expect(rig.deliverer.isOut(id)).toBe(false);
  expect(rig.deliverer.parked("quiz", "winner")?.cause).toBe("breaker_open");
  settles.release();
  await rig.settled();
  expect(rig.said("route.parked", "route.resumed").map(({ type }) => type)).toEqual(["route.parked"]);
});

test("a route whose breaker may try, and where nothing waits, is not parked", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  rig.deliverer.apply([route], SETTINGS);
  route.open = true;
  route.retryAfter = 1_000;
  await rig.put(route);
  await rig.deliverer.start();
  await rig.settled();
  route.open = false;
  route.trial = true;
  await rig.pass(1_000);
  expect(await states(rig.store)).toEqual({ delivered: 1 });
  expect(rig.deliverer.parked("quiz", "winner")).toBeNull();
});

test("the jobs of a paused route wait until it is resumed, and those of its neighbour do not", async () => {
  const rig = delivererRig();
  const [winner, closed] = [testRoute(QUIZ), testRoute(POLL)];
  rig.deliverer.apply([winner, closed], SETTINGS);
  rig.pauses.set({ ...QUIZ, cause: "paused", by: "ann", at: 1 });
  await rig.put(winner, 2);
  await rig.put(closed, 2);
  await rig.deliverer.start();
  await rig.pass(60_000);
  expect(winner.sends).toHaveLength(0);
  expect(closed.sends).toHaveLength(2);
  expect(rig.deliverer.parked("quiz", "winner")?.cause).toBe("paused");
  rig.pauses.end("quiz", "winner");
  rig.deliverer.wake("quiz", "winner");
  await rig.settled();
  expect(winner.sends).toHaveLength(2);
  expect(rig.said("route.parked", "route.resumed")).toMatchObject([
    { type: "route.parked", cause: "paused", by: "ann" },
    { type: "route.resumed", cause: "paused" },
  ]);
});

test("a paused app waits with all its routes; what is under way ends well", async () => {
  const rig = delivererRig();
  const [winner, closed] = [testRoute(QUIZ, { answer: hang }), testRoute(POLL)];
  rig.deliverer.apply([winner, closed], SETTINGS);
  await rig.put(winner);
  await rig.deliverer.start();
  await rig.settled();
  rig.pauses.set({ app: "quiz", capability: null, cause: "paused", by: "ann", at: 1 });
  rig.deliverer.wake("quiz", null);
  await rig.put(winner);
  await rig.put(closed);
  await rig.settled();
  winner.flying()[0]?.end(ok(winner.flying()[0]!.job));
  await rig.settled();
  expect(await states(rig.store)).toEqual({ delivered: 1, queued: 2 });
  winner.answer = ok;
  rig.pauses.end("quiz", null);
  rig.deliverer.wake("quiz", null);
  await rig.settled();
  expect(await states(rig.store)).toEqual({ delivered: 3 });
});

test("three answers of 410 in a row park the route until an operator resumes it", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: gone });
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 1 });
  await rig.put(route, 5);
  await rig.deliverer.start();
  await rig.settled();
  expect(route.sends).toHaveLength(3);
  expect(rig.said("dlq.added")).toMatchObject(Array(3).fill({ reason: "gone", sends: 1 }));
  expect(rig.said("route.parked")).toMatchObject([{ cause: "gone" }]);
  expect(rig.pauses.of("quiz", "winner")).toMatchObject({ cause: "gone", by: null });
  route.answer = ok;
  rig.pauses.end("quiz", "winner");
  rig.deliverer.wake("quiz", "winner");
  await rig.settled();
  expect(await states(rig.store)).toEqual({ dead: 3, delivered: 2 });
});

test("a success between answers of 410 begins their count anew", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: (job, n) => (n === 2 ? ok(job) : gone(job)) });
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 1 });
  await rig.put(route, 5);
  await rig.deliverer.start();
  await rig.settled();
  expect(route.sends).toHaveLength(5);
  expect(rig.said("route.parked")).toEqual([]);
  await rig.put(route, 2);
  await rig.settled();
  expect(route.sends).toHaveLength(6);
  expect(rig.said("route.parked")).toHaveLength(1);
});

test("answers of 410 count on over a restart", async () => {
  const before = delivererRig();
  const route = testRoute(QUIZ, { answer: gone });
  before.deliverer.apply([route], SETTINGS);
  await before.put(route, 2);
  await before.deliverer.start();
  await before.settled();
  expect(before.said("route.parked")).toEqual([]);

  const after = delivererRig({ goneCounts: before.gone() });
  after.deliverer.apply([route], SETTINGS);
  await after.put(route);
  await after.deliverer.start();
  await after.settled();
  expect(after.said("route.parked")).toMatchObject([{ cause: "gone" }]);
  expect(after.gone()).toEqual({});
});

test("jobs of a route that no manifest has wait, and go when it is back", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  rig.deliverer.apply([], SETTINGS);
  await rig.put(route, 3);
  await rig.deliverer.start();
  await rig.pass(60_000);
  expect(await states(rig.store)).toEqual({ queued: 3 });
  expect(rig.deliverer.parked("quiz", "winner")?.cause).toBe("no_route");
  rig.deliverer.apply([route], SETTINGS);
  await rig.settled();
  expect(await states(rig.store)).toEqual({ delivered: 3 });
  expect(rig.said("route.parked", "route.resumed")).toMatchObject([
    { type: "route.parked", cause: "no_route" },
    { type: "route.resumed", cause: "no_route" },
  ]);
});

test("a new manifest keeps the jobs that were fetched, and sends them as it says", async () => {
  const rig = delivererRig();
  const before = testRoute(QUIZ, { answer: hang });
  const one = { concurrency: 1, perApp: 1, batch: 8 };
  rig.deliverer.apply([before], one);
  const ids = await rig.put(before, 3);
  await rig.deliverer.start();
  await rig.settled();
  rig.deliverer.apply([], one);
  // Its app's no comes when the route has gone: nothing is spent.
  before.flying()[0]?.end(failing(before.flying()[0]!.job));
  await rig.settled();
  expect(before.sends).toHaveLength(1);
  const after = testRoute(QUIZ);
  rig.deliverer.apply([after], one);
  await rig.settled();
  expect(new Set(after.ids())).toEqual(new Set(ids));
  expect(after.sends.map(({ job }) => job.attempts)).toEqual([0, 0, 0]);
  expect(await states(rig.store)).toEqual({ delivered: 3 });
});
