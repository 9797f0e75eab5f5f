import { expect, test } from "vitest";
import { states, takeOne } from "../contract/spool.rig.ts";
import { failing, hang, ok, refused, testRoute } from "../help/deliverer.route.ts";
import { delivererRig, heldBack, SETTINGS } from "../help/deliverer.ts";

const QUIZ = { app: "quiz", capability: "winner" };

test("a rate limit paces the sends", async () => {
  const rig = delivererRig();
  const at: number[] = [];
  let tokenAt = 0;
  const takeToken = (now: number): number => {
    if (now < tokenAt) return tokenAt - now;
    tokenAt = now + 100;
    return 0;
  };
  const route = testRoute(QUIZ, {
    takeToken,
    answer(job) {
      at.push(rig.clock.now());
      return ok(job);
    },
  });
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route, 5);
  await rig.deliverer.start();
  await rig.settled();
  expect(at).toEqual([0]);
  await rig.pass(1_000, 10);
  expect(at).toEqual([0, 100, 200, 300, 400]);
});

test("routes of one app share the tokens of its rate limit, and those that need none go meanwhile", async () => {
  const rig = delivererRig();
  let tokenAt = 0;
  const takeToken = (now: number): number => {
    if (now < tokenAt) return tokenAt - now;
    tokenAt = now + 100;
    return 0;
  };
  const [a, b] = ["a", "b"].map((capability) => testRoute({ app: "quiz", capability }, { takeToken }));
  const free = testRoute({ app: "quiz", capability: "free" });
  rig.deliverer.apply([a!, b!, free], SETTINGS);
  for (const route of [a!, b!, free]) await rig.put(route, 3);
  await rig.deliverer.start();
  await rig.settled();
  expect(free.sends).toHaveLength(3);
  expect(a!.sends.length + b!.sends.length).toBe(1);
  await rig.pass(300, 10);
  expect([a!.sends.length, b!.sends.length]).toEqual([2, 2]);
  await rig.pass(200, 10);
  expect([a!.sends.length, b!.sends.length]).toEqual([3, 3]);
});

test("a job that finds no memory waits, and goes when there is some", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  route.memory = false;
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route, 3);
  await rig.deliverer.start();
  await rig.pass(2_000, 100);
  expect(route.sends).toHaveLength(0);
  route.memory = true;
  await rig.pass(200);
  expect(route.sends.map(({ job }) => job.attempts)).toEqual([0, 0, 0]);
  expect(await states(rig.store)).toEqual({ delivered: 3 });
});

test("a job that finds no memory takes no token of the rate limit", async () => {
  const rig = delivererRig();
  let tokens = 0;
  const route = testRoute(QUIZ, {
    takeToken() {
      tokens++;
      return 0;
    },
  });
  route.memory = false;
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route);
  await rig.deliverer.start();
  await rig.pass(2_000, 100);
  expect(tokens).toBe(0);
  route.memory = true;
  await rig.pass(200);
  expect([tokens, route.sends.length]).toEqual([1, 1]);
});

test("while memory is short the routes that find none take turns, and none is asked without end", async () => {
  const rig = delivererRig();
  const routes = Array.from({ length: 100 }, (_, i) => testRoute({ app: "quiz", capability: `c${i}` }));
  const asked = new Set<string>();
  let times = 0;
  for (const route of routes) {
    route.fits = () => {
      asked.add(route.capability);
      times++;
      return false;
    };
  }
  rig.deliverer.apply(routes, SETTINGS);
  for (const route of routes) await rig.put(route);
  await rig.deliverer.start();
  await rig.settled();
  times = 0;
  await rig.pass(200);
  expect(times).toBeLessThanOrEqual(16);
  await rig.pass(2_000, 200);
  expect(asked.size).toBe(100);
  for (const route of routes) route.fits = () => true;
  await rig.pass(200);
  expect(await states(rig.store)).toEqual({ delivered: 100 });
});

test("a job that found no slot at its upstream stays, and is not tried again without a pause", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: refused });
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route, 2);
  await rig.deliverer.start();
  await rig.settled();
  const tried = route.sends.length;
  expect(tried).toBeLessThanOrEqual(4);
  route.answer = ok;
  await rig.pass(1_000);
  expect(await states(rig.store)).toEqual({ delivered: 2 });
  expect(route.sends.slice(-2).map(({ job }) => [job.attempts, job.lease.attempt])).toEqual([
    [0, 1],
    [0, 1],
  ]);
});

test("a job that failed comes again after its wait, until its tries are spent", async () => {
  const rig = delivererRig();
  const at: number[] = [];
  const route = testRoute(QUIZ, {
    answer(job) {
      at.push(rig.clock.now());
      return failing(job);
    },
  });
  rig.deliverer.apply([route], SETTINGS);
  const [id] = await rig.put(route);
  await rig.deliverer.start();
  await rig.pass(60_000, 500);
  expect(at).toEqual([0, 1_000, 3_000, 7_000, 15_000]);
  expect(rig.said("delivery.retry")).toMatchObject(
    [1, 2, 3, 4].map((attempts) => ({ id, attempts, status: 500, delayMs: 1_000 * 2 ** (attempts - 1) })),
  );
  expect(rig.said("dlq.added")).toMatchObject([{ id, reason: "attempts_exhausted", sends: 5 }]);
});

test("a retry that is due later is found at the start, and sent at its time", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  await rig.put(route);
  const { lease } = await takeOne(rig.store);
  await rig.store.settle(lease, { kind: "again", tries: [], delayMs: 5_000, spent: false, inDoubt: false });
  rig.deliverer.apply([route], SETTINGS);
  await rig.deliverer.start();
  await rig.pass(4_999, 1_000);
  expect(route.sends).toHaveLength(0);
  await rig.pass(1);
  expect(route.sends).toHaveLength(1);
});

test("jobs of one order key are sent one at a time, in their order, through retries", async () => {
  const rig = delivererRig();
  const failed = new Set<string>();
  const route = testRoute(QUIZ, {
    answer(job) {
      if (failed.has(job.lease.id)) return ok(job);
      failed.add(job.lease.id);
      return failing(job);
    },
  });
  rig.deliverer.apply([route], SETTINGS);
  const [a1, a2, a3] = await rig.put(route, 3, { orderKey: "a" });
  const [b1, b2] = await rig.put(route, 2, { orderKey: "b" });
  await rig.deliverer.start();
  await rig.pass(10_000, 250);
  const only = (ids: readonly unknown[]): string[] => route.ids().filter((id) => ids.includes(id));
  expect(only([a1, a2, a3])).toEqual([a1, a1, a2, a2, a3, a3]);
  expect(only([b1, b2])).toEqual([b1, b1, b2, b2]);
  expect(await states(rig.store)).toEqual({ delivered: 5 });
});

test("the next of an order key goes when the one before it is dead, unless it blocks", async () => {
  for (const onDead of ["release", "block"] as const) {
    const rig = delivererRig();
    const route = testRoute(QUIZ, { onDead, retry: { ...testRoute(QUIZ).retry, attempts: 1 } });
    route.answer = (job, n) => (n === 0 ? failing(job) : ok(job));
    rig.deliverer.apply([route], SETTINGS);
    const [first, second] = await rig.put(route, 2, { orderKey: "a" });
    await rig.deliverer.start();
    await rig.pass(5_000, 1_000);
    expect(route.ids()).toEqual(onDead === "release" ? [first, second] : [first]);
    if (onDead === "release") continue;
    await rig.store.change("retry", [first!]);
    rig.deliverer.wake("quiz", "winner");
    await rig.settled();
    expect(route.ids()).toEqual([first, first, second]);
  }
});

test("a job that grows too old before it has a slot ends in the dead-letter queue", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 8 });
  const ids = await rig.put(route, 2, { maxAgeMs: 10_000 });
  await rig.deliverer.start();
  await rig.settled();
  await rig.pass(10_000);
  expect(route.ids()).toEqual([ids[0]]);
  route.flying()[0]?.end(ok(route.flying()[0]!.job));
  await rig.settled();
  expect(route.ids()).toEqual([ids[0]]);
  expect(rig.said("dlq.added")).toMatchObject([{ id: ids[1], reason: "expired", sends: 0 }]);
  expect(await states(rig.store)).toEqual({ delivered: 1, dead: 1 });
});

test("a job that the store finds too old is told, and the next of its order key goes", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ);
  route.open = true;
  route.retryAfter = 20_000;
  rig.deliverer.apply([route], SETTINGS);
  const [old] = await rig.put(route, 1, { maxAgeMs: 10_000, orderKey: "a", sends: 1 });
  const [next] = await rig.put(route, 1, { orderKey: "a" });
  await rig.deliverer.start();
  await rig.settled();
  route.open = false;
  await rig.pass(20_000);
  expect(route.ids()).toEqual([next]);
  expect(rig.said("dlq.added")).toMatchObject([{ id: old, reason: "expired" }]);
});

test("what is queued while the first look at the store is under way is found", async () => {
  const gate = heldBack("survey");
  const rig = delivererRig({ between: gate.between });
  const route = testRoute(QUIZ);
  rig.deliverer.apply([route], SETTINGS);
  // The route is known to the store, with nothing in the lane of the new.
  await rig.put(route, 1, { sends: 1 });
  gate.hold = true;
  const started = rig.deliverer.start();
  await rig.settled();
  await rig.put(route);
  gate.release();
  await started;
  await rig.settled();
  expect(route.sends).toHaveLength(2);
});

test("tries that spend nothing, as where no upstream serves, come no faster than others", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: (job) => ({ ...failing(job), trial: true }) });
  rig.deliverer.apply([route], SETTINGS);
  const [id] = await rig.put(route);
  await rig.deliverer.start();
  await rig.pass(1_000 + 2_000 + 4_000 + 8_000, 500);
  expect(route.sends).toHaveLength(5);
  expect(await rig.store.find(id!)).toMatchObject({ state: "queued", attempts: 0, sends: 5 });
});

test("a job is sent when it is due, however long the answer that told of it was on its way", async () => {
  const gate = heldBack("claim");
  const rig = delivererRig({ between: gate.between });
  const route = testRoute(QUIZ, { answer: (job, n) => (n < 2 ? failing(job) : ok(job)) });
  rig.deliverer.apply([route], SETTINGS);
  await rig.deliverer.start();
  // Both fail, and are due again a second later.
  await rig.put(route, 1, { sends: 1 });
  await rig.pass(300);
  await rig.put(route, 1, { sends: 1 });
  await rig.settled();
  expect(route.sends).toHaveLength(2);
  // The claim of the first says when the other is due.
  gate.hold = true;
  await rig.pass(700);
  await rig.pass(200);
  gate.release();
  await rig.settled();
  expect(route.sends).toHaveLength(3);
  await rig.pass(100);
  expect(route.sends).toHaveLength(4);
});
