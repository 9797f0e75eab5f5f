import { expect, test } from "vitest";
import type { DeliveryRoute } from "../../src/spool/route.ts";
import { hang, type TestRoute, testRoute } from "../help/deliverer.route.ts";
import { type DelivererRig, delivererRig, SETTINGS } from "../help/deliverer.ts";

/** What stands around: 10 or 10,000 of them must cost the same. */
type Others = (rig: DelivererRig, n: number) => Promise<readonly TestRoute[]>;

const many = (n: number, app: (i: number) => string, given: Parameters<typeof testRoute>[1] = {}): TestRoute[] =>
  Array.from({ length: n }, (_, i) => testRoute({ app: app(i), capability: `r${i}` }, given));

const JOBS = 50;

/** How often anything is asked of a route, by each job that is put, sent and delivered while the others stand around. */
async function looksPerJob(n: number, others: Others): Promise<number> {
  const rig = delivererRig();
  let looks = 0;
  const counted = (route: TestRoute): DeliveryRoute =>
    new Proxy(route, {
      get(target, key) {
        looks++;
        return Reflect.get(target, key);
      },
    });
  const { of } = rig.pauses;
  rig.pauses.of = (app, capability) => {
    looks++;
    return of(app, capability);
  };
  const own = testRoute({ app: "quiz", capability: "winner" });
  const around = await others(rig, n);
  rig.deliverer.apply([own, ...around].map(counted), SETTINGS);
  await rig.deliverer.start();
  await rig.settled();
  looks = 0;
  for (let i = 0; i < JOBS; i++) {
    await rig.put(own);
    await rig.settled();
  }
  expect(own.sends).toHaveLength(JOBS);
  return looks / JOBS;
}

async function expectTheSame(others: Others): Promise<void> {
  const few = await looksPerJob(10, others);
  expect(few).toBeGreaterThan(0);
  expect(await looksPerJob(10_000, others)).toBe(few);
}

const OF_EACH_APP = [(i: number) => `app-${i % 7}`, () => "quiz"] as const;

test("routes without jobs cost nothing, however many there are", async () => {
  for (const app of OF_EACH_APP) await expectTheSame(async (_, n) => many(n, app));
});

test("routes whose breaker is open cost nothing while it is, nor do paused ones", async () => {
  for (const app of OF_EACH_APP) {
    await expectTheSame(async (rig, n) => {
      const routes = many(n, app);
      for (const [i, route] of routes.entries()) {
        await rig.put(route);
        if (i % 2 === 0) route.open = true;
        else rig.pauses.set({ ...route, cause: "paused", by: "ann", at: 1 });
        route.retryAfter = 3_600_000;
      }
      return routes;
    });
  }
});

test("routes whose jobs wait for a retry cost nothing before its time", async () => {
  for (const app of OF_EACH_APP) {
    await expectTheSame(async (rig, n) => {
      const routes = many(n, app);
      for (const route of routes) {
        await rig.put(route);
        const { jobs } = await rig.store.claim({ ...route, lane: "first", max: 1, maxBytes: 1 });
        for (const { lease } of jobs) {
          await rig.store.settle(lease, { kind: "again", tries: [], delayMs: 60_000, spent: false, inDoubt: false });
        }
      }
      return routes;
    });
  }
});

test("due routes of an app that hangs cost nothing while all its slots are taken", async () => {
  await expectTheSame(async (rig, n) => {
    // Enough for all slots, with few as with many.
    const routes = many(n + SETTINGS.perApp, () => "slow", { answer: hang });
    for (const route of routes) await rig.put(route);
    return routes;
  });
});

test("due routes that wait for a token of their app's rate limit cost nothing before its time", async () => {
  await expectTheSame(async (rig, n) => {
    const routes = many(n, () => "slow", { takeToken: () => 60_000 });
    for (const route of routes) await rig.put(route);
    return routes;
  });
});

test("of very many due routes of one app each job costs what it costs with few", async () => {
  const perStart = async (n: number): Promise<number> => {
    const rig = delivererRig();
    let looks = 0;
    const routes = many(n, () => "quiz");
    for (const route of routes) {
      await rig.put(route);
      route.admits = () => {
        looks++;
        return true;
      };
    }
    rig.deliverer.apply(routes, SETTINGS);
    await rig.deliverer.start();
    await rig.settled();
    expect(routes.every(({ sends }) => sends.length === 1)).toBe(true);
    return looks / n;
  };
  const few = await perStart(100);
  expect(await perStart(10_000)).toBeLessThanOrEqual(few * 1.1);
});
