import { expect, test } from "vitest";
import { failing, hang, ok, type TestRoute, testRoute } from "../help/deliverer.route.ts";
import { delivererRig, SETTINGS } from "../help/deliverer.ts";

const many = (n: number, given: Parameters<typeof testRoute>[1] = {}): TestRoute[] =>
  Array.from({ length: n }, (_, i) => testRoute({ app: `app-${i}`, capability: "c" }, given));

test("with one of ten apps hanging the other nine deliver all their jobs", async () => {
  const rig = delivererRig();
  const [slow, ...others] = many(10) as [TestRoute, ...TestRoute[]];
  slow.answer = hang;
  rig.deliverer.apply([slow, ...others], { ...SETTINGS, concurrency: 8, perApp: 4 });
  for (const route of [slow, ...others]) await rig.put(route, 40);
  await rig.deliverer.start();
  await rig.settled();
  expect(others.map(({ sends }) => sends.length)).toEqual(Array(9).fill(40));
  expect(slow.sends.length).toBeGreaterThanOrEqual(1);
  expect(slow.sends.length).toBeLessThanOrEqual(4);
});

test("an app that hangs holds no more than its share while others come and go", async () => {
  const rig = delivererRig();
  const [slow, ...others] = many(10) as [TestRoute, ...TestRoute[]];
  slow.answer = hang;
  rig.deliverer.apply([slow, ...others], { concurrency: 64, perApp: 16, batch: 32 });
  await rig.put(slow, 100);
  await rig.deliverer.start();
  for (let round = 0; round < 5; round++) {
    for (const route of others) await rig.put(route, 5);
    await rig.settled();
    expect(slow.flying()).toHaveLength(16);
    expect(others.map(({ sends }) => sends.length)).toEqual(Array(9).fill(5 * (round + 1)));
  }
  // One that ends makes room for one.
  slow.flying()[0]?.end(ok(slow.flying()[0]!.job));
  await rig.settled();
  expect(slow.flying()).toHaveLength(16);
  expect(slow.sends).toHaveLength(17);
});

test("what has been out for long leaves its slots to other apps, and as much room again is all there is", async () => {
  const rig = delivererRig();
  const [first, second, ...others] = many(6) as [TestRoute, TestRoute, ...TestRoute[]];
  const settings = { concurrency: 8, perApp: 6, batch: 32 };
  first.answer = hang;
  second.answer = hang;
  rig.deliverer.apply([first, second, ...others], settings);
  for (const route of [first, second]) await rig.put(route, 20);
  await rig.deliverer.start();
  await rig.settled();
  const hanging = (): number => first.flying().length + second.flying().length;
  expect(hanging()).toBeLessThanOrEqual(8);
  for (const route of others) route.answer = hang;
  for (const route of others) await rig.put(route, 20);
  await rig.settled();
  // Each of them has the one slot that it always has.
  const flying = (): number => others.reduce((sum, route) => sum + route.flying().length, 0);
  expect(flying()).toBeLessThan(8);
  const before = hanging();
  rig.clock.advance(1_000);
  await rig.settled();
  // Apps beyond their fair part leave a quarter for those that come.
  expect(flying() + hanging() - before).toBeGreaterThanOrEqual(6);
  rig.clock.advance(10_000);
  await rig.settled();
  expect(flying() + hanging()).toBeLessThanOrEqual(2 * 8 + 6);
});

test("an app alone has no more than its slots, however long they take", async () => {
  const rig = delivererRig();
  const [route] = many(1) as [TestRoute];
  route.answer = hang;
  rig.deliverer.apply([route], { concurrency: 2, perApp: 6, batch: 32 });
  await rig.put(route, 20);
  await rig.deliverer.start();
  await rig.settled();
  rig.clock.advance(10_000);
  await rig.settled();
  expect(route.flying()).toHaveLength(2);
});

test("an app whose jobs are due has one slot though all are taken", async () => {
  const rig = delivererRig();
  const routes = many(6, { answer: hang });
  rig.deliverer.apply(routes, { concurrency: 2, perApp: 2, batch: 8 });
  await rig.put(routes[0]!, 5);
  await rig.deliverer.start();
  await rig.settled();
  expect(routes[0]?.flying()).toHaveLength(2);
  for (const route of routes.slice(1)) await rig.put(route, 5);
  await rig.settled();
  expect(routes.map((route) => route.flying().length)).toEqual([2, 1, 1, 1, 1, 1]);
});

test("a route holds at most three quarters of its app's slots while another is due", async () => {
  const rig = delivererRig();
  const winner = testRoute({ app: "quiz", capability: "winner" }, { answer: hang, priority: 0 });
  const closed = testRoute({ app: "quiz", capability: "closed" }, { answer: hang, priority: 9 });
  rig.deliverer.apply([winner, closed], { concurrency: 64, perApp: 8, batch: 32 });
  await rig.put(winner, 20);
  await rig.put(closed, 20);
  await rig.deliverer.start();
  await rig.settled();
  expect(winner.flying()).toHaveLength(6);
  expect(closed.flying()).toHaveLength(2);
});

test("a route that hangs leaves another of its app a slot, be there only two", async () => {
  const rig = delivererRig();
  const winner = testRoute({ app: "quiz", capability: "winner" }, { answer: hang, priority: 0 });
  const held: number[] = [];
  const closed = testRoute({ app: "quiz", capability: "closed" }, { priority: 9 });
  closed.answer = (job) => {
    held.push(winner.flying().length);
    return ok(job);
  };
  rig.deliverer.apply([winner, closed], { concurrency: 64, perApp: 2, batch: 2 });
  await rig.put(winner, 5);
  await rig.put(closed, 9);
  await rig.deliverer.start();
  await rig.settled();
  // Not even while the other's next jobs are being fetched.
  expect(held).toEqual(Array(9).fill(1));
  expect(winner.flying()).toHaveLength(2);
});

test("first tries and retries have a half of an app's slots each", async () => {
  const rig = delivererRig();
  const route = testRoute({ app: "quiz", capability: "winner" }, { answer: hang });
  rig.deliverer.apply([route], { concurrency: 64, perApp: 8, batch: 32 });
  await rig.put(route, 20, { sends: 1 });
  await rig.put(route, 20);
  await rig.deliverer.start();
  await rig.settled();
  const retries = route.flying().filter(({ job }) => job.sends > 0);
  expect(route.flying()).toHaveLength(8);
  expect(retries).toHaveLength(4);
});

test("retries that fail again and again do not hold up what is new", async () => {
  const rig = delivererRig();
  const route = testRoute({ app: "quiz", capability: "winner" }, { answer: (job) => (job.sends > 0 ? null : ok(job)) });
  rig.deliverer.apply([route], { concurrency: 64, perApp: 4, batch: 8 });
  await rig.put(route, 20, { sends: 1 });
  await rig.put(route, 20);
  await rig.deliverer.start();
  await rig.settled();
  expect(route.sends.filter(({ job }) => job.sends === 0)).toHaveLength(20);
});

test("the urgent of an app go first, from 0 to 9", async () => {
  const rig = delivererRig();
  const order: number[] = [];
  const routes = Array.from({ length: 10 }, (_, i) => {
    const priority = 9 - i;
    const answer: TestRoute["answer"] = (job) => {
      order.push(priority);
      return ok(job);
    };
    return testRoute({ app: "quiz", capability: `c${i}` }, { priority, answer });
  });
  for (const route of routes) route.open = true;
  rig.deliverer.apply(routes, { concurrency: 1, perApp: 1, batch: 8 });
  for (const route of routes) await rig.put(route);
  await rig.deliverer.start();
  // One holds the only slot while the others are fetched.
  const first = testRoute({ app: "quiz", capability: "first" }, { answer: hang });
  for (const route of routes) route.open = false;
  rig.deliverer.apply([first, ...routes], { concurrency: 1, perApp: 1, batch: 8 });
  await rig.put(first);
  await rig.settled();
  for (const send of first.flying()) send.end(ok(send.job));
  await rig.settled();
  const seen = order.filter((priority, i) => order.indexOf(priority) === i);
  expect(seen).toHaveLength(10);
  // Whoever was fetched first may have had the slot; from then on they are in order.
  expect(seen.slice(1)).toEqual(seen.slice(1).toSorted((a, b) => a - b));
});

test("routes of equal urgency take turns, in both lanes, with a single slot", async () => {
  const rig = delivererRig();
  const served: string[] = [];
  const routes = ["a", "b"].map((capability) =>
    testRoute(
      { app: "quiz", capability },
      {
        answer(job) {
          served.push(`${capability} ${job.sends > 0 ? "retry" : "first"}`);
          return ok(job);
        },
      },
    ),
  );
  rig.deliverer.apply(routes, { concurrency: 1, perApp: 1, batch: 32 });
  for (const route of routes) {
    await rig.put(route, 20);
    await rig.put(route, 20, { sends: 1 });
  }
  await rig.deliverer.start();
  await rig.settled();
  expect(served).toHaveLength(80);
  expect(new Set(served.slice(8, 24))).toEqual(new Set(["a first", "a retry", "b first", "b retry"]));
});

test("a retry of one app waits for nobody else's", async () => {
  const rig = delivererRig();
  const [bad, good] = many(2) as [TestRoute, TestRoute];
  bad.answer = failing;
  rig.deliverer.apply([bad, good], SETTINGS);
  await rig.put(bad, 10);
  await rig.put(good, 10);
  await rig.deliverer.start();
  await rig.settled();
  expect(good.sends).toHaveLength(10);
  await rig.pass(60_000, 1_000);
  expect(bad.sends).toHaveLength(50);
  expect(rig.said("dlq.added")).toHaveLength(10);
});
