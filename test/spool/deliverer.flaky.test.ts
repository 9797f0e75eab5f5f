import { expect, test } from "vitest";
import type { OutriggerEvent } from "../../src/core/events.ts";
import type { NewJob } from "../../src/spool/port.ts";
import { listAll, states } from "../contract/spool.rig.ts";
import { failing, gone, hang, ok, refuse, type TestRoute, testRoute } from "../help/deliverer.route.ts";
import { type DelivererRig, delivererRig } from "../help/deliverer.ts";
import { createSeededRandom } from "../help/seeded-random.ts";
import { type Failure, type FailurePlan, failAtRandom, flaky } from "../help/spool.flaky.ts";

/** Calls fail as the plan says from when the deliverer has started. */
interface Flaky extends DelivererRig {
  plan: FailurePlan;
}

function flakyRig(): Flaky {
  let n = 0;
  const rig: Flaky = {
    plan: () => null,
    ...delivererRig({
      between: (store) =>
        flaky(store, (_, verb) => {
          if (verb === "survey") return null;
          return rig.plan(n++, verb);
        }),
    }),
  };
  return rig;
}

/** Another one each time; a failure says it. */
const anySeed = (): number => Number(process.hrtime.bigint() % 1_000_000_000n);

const SETTINGS = { concurrency: 4, perApp: 3, batch: 2 };

/** Every job has ended, and whatever was sent more than once was sent for a reason. */
async function expectAllWell(rig: Flaky, routes: readonly TestRoute[], ids: readonly string[]): Promise<void> {
  expect(await states(rig.store)).toEqual({ delivered: ids.length });
  const jobs = await listAll(rig.store);
  expect(new Set(jobs.map(({ id }) => id))).toEqual(new Set(ids));
  const good = routes.flatMap(({ sends }) => sends.map(({ job }) => job.lease.id));
  for (const { id, sends } of jobs) expect(good.filter((sent) => sent === id)).toHaveLength(sends);
  const told = (type: OutriggerEvent["type"]): string[] =>
    rig
      .said(type)
      .map((event) => ("id" in event ? String(event.id) : ""))
      .toSorted();
  expect(told("delivery.delivered")).toEqual([...ids].toSorted());
  expect(told("delivery.retry")).toEqual(jobs.flatMap(({ id, sends }) => Array(sends - 1).fill(id)).toSorted());
  expect(rig.said("dlq.added")).toEqual([]);
}

async function run(rig: Flaky, more: Partial<NewJob> = {}): Promise<{ routes: TestRoute[]; ids: string[] }> {
  const routes = ["a", "b"].map((app) => testRoute({ app, capability: "c" }));
  // Each third send fails, so that retries are among them; a job's last try is good.
  for (const route of routes) {
    route.answer = (job, n) => (n % 3 === 0 && job.attempts < 3 ? failing(job) : ok(job));
  }
  rig.deliverer.apply(routes, SETTINGS);
  const ids: string[] = [];
  for (const route of routes) ids.push(...(await rig.put(route, 6, more)));
  await rig.deliverer.start();
  await rig.pass(180_000, 500);
  return { routes, ids };
}

test("whichever single call fails, done or not, every job is delivered and no lease is left", async () => {
  const sound = flakyRig();
  let calls = 0;
  sound.plan = (n) => {
    calls = n + 1;
    return null;
  };
  await run(sound);
  expect(calls).toBeGreaterThan(20);
  for (let at = 0; at < calls; at++) {
    for (const failure of ["before", "after"] as const) {
      const rig = flakyRig();
      rig.plan = (n) => (n === at ? failure : null);
      const { routes, ids } = await run(rig);
      await expectAllWell(rig, routes, ids);
    }
  }
});

test("with order keys too, whichever single call fails", async () => {
  for (let at = 0; at < 30; at++) {
    for (const failure of ["before", "after"] as const) {
      const rig = flakyRig();
      rig.plan = (n) => (n === at ? failure : null);
      const { routes, ids } = await run(rig, { orderKey: "k" });
      await expectAllWell(rig, routes, ids);
      for (const route of routes) {
        const own = route.ids().filter((id, i, all) => all.indexOf(id) === i);
        expect(own).toEqual(ids.filter((id) => own.includes(id)));
      }
    }
  }
});

test("with calls failing at random, every job is delivered and no lease is left", async () => {
  const first = anySeed();
  for (let seed = first; seed < first + 30; seed++) {
    const random = createSeededRandom(seed);
    const rig = flakyRig();
    const atRandom = failAtRandom(random, 0.3);
    // It gets well in the end.
    rig.plan = (n, verb) => (rig.clock.now() < 60_000 ? atRandom(n, verb) : null);
    const { routes, ids } = await run(rig, random.float() < 0.5 ? {} : { orderKey: "k" });
    await expectAllWell(rig, routes, ids).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    await rig.stop();
  }
});

test("with calls failing at random a stop leaves every job delivered or given back, or leased where it was not heard", async () => {
  const first = anySeed();
  for (let seed = first; seed < first + 30; seed++) {
    const random = createSeededRandom(seed);
    const rig = flakyRig();
    const route = testRoute(
      { app: "a", capability: "c" },
      { answer: (job) => (random.float() < 0.3 ? null : ok(job)) },
    );
    rig.plan = failAtRandom(random, 0.2);
    rig.deliverer.apply([route], SETTINGS);
    const ids = await rig.put(route, 20);
    await rig.deliverer.start();
    await rig.pass(500, 100);
    await rig.stop();
    rig.store.recover();
    const { delivered = 0, queued = 0 } = await states(rig.store);
    expect(delivered + queued, `seed ${seed}`).toBe(ids.length);
    for (const job of await listAll(rig.store))
      expect(job.attempts, `seed ${seed}`).toBe(job.state === "queued" ? 0 : 1);
  }
});

test("when the store is there again it is told at once what was delivered meanwhile, however long it was away", async () => {
  const rig = flakyRig();
  const route = testRoute({ app: "a", capability: "c" });
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route);
  rig.plan = (_, verb) => (verb === "settle" ? "before" : null);
  await rig.deliverer.start();
  await rig.settled();
  // By now it is asked every few seconds only.
  await rig.pass(60_000, 1_000);
  expect(await states(rig.store)).toEqual({ leased: 1 });
  rig.plan = () => null;
  rig.deliverer.unsure();
  await rig.settled();
  expect(await states(rig.store)).toEqual({ delivered: 1 });
});

test("while the store is away nothing is lost, and what was delivered is not sent again", async () => {
  const rig = flakyRig();
  const route = testRoute({ app: "a", capability: "c" });
  rig.deliverer.apply([route], SETTINGS);
  const ids = await rig.put(route, 2);
  let away: Failure = null;
  rig.plan = (_, verb) => (verb === "settle" || away !== null ? away : null);
  await rig.deliverer.start();
  away = "before";
  await rig.pass(60_000, 1_000);
  expect(rig.said("delivery.delivered")).toEqual([]);
  away = null;
  rig.deliverer.unsure();
  await rig.pass(10_000, 1_000);
  await expectAllWell(rig, [route], ids);
  expect(route.sends).toHaveLength(2);
});

test("a route whose app is gone parks though the store hears of it late", async () => {
  const rig = flakyRig();
  const route = testRoute({ app: "a", capability: "c" }, { answer: gone });
  rig.plan = (n, verb) => (verb === "settle" && n % 2 === 0 ? "before" : null);
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 1 });
  await rig.put(route, 5);
  await rig.deliverer.start();
  await rig.pass(60_000, 500);
  expect(rig.said("route.parked")).toHaveLength(1);
  expect((await states(rig.store)).leased ?? 0).toBeLessThanOrEqual(2);
});

test("a lease that has ended, though its answer was lost, does not stand for the job's next one", async () => {
  const rig = flakyRig();
  const route = testRoute({ app: "a", capability: "c" }, { answer: (job, n) => (n === 0 ? failing(job) : null) });
  let settles = 0;
  // It is done at once, and the store does not come to say so for a while.
  rig.plan = (_, verb) => {
    if (verb !== "settle") return null;
    if (settles++ === 0) return "after";
    return rig.clock.now() < 5_000 ? "before" : null;
  };
  rig.deliverer.apply([route], SETTINGS);
  const ids = await rig.put(route);
  await rig.deliverer.start();
  await rig.pass(1_500, 100);
  rig.deliverer.wake("a", "c");
  await rig.settled();
  expect(route.flying()).toHaveLength(1);
  rig.deliverer.unsure();
  await rig.settled();
  expect(await states(rig.store)).toEqual({ leased: 1 });
  await rig.pass(10_000, 500);
  for (const send of route.flying()) send.end(ok(send.job));
  await rig.settled();
  await expectAllWell(rig, [route], ids);
});

test("the death of a job is told once, though the store's answer to it was lost", async () => {
  for (const maxAgeMs of [500, 3_600_000]) {
    const rig = flakyRig();
    const answer = maxAgeMs === 500 ? hang : refuse;
    const route = testRoute({ app: "a", capability: "c" }, { answer });
    rig.plan = (_, verb) => (verb === "settle" && rig.clock.now() < 2_000 ? "after" : null);
    rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 8 });
    const ids = await rig.put(route, 2, { maxAgeMs });
    await rig.deliverer.start();
    await rig.pass(1_000, 500);
    for (const send of route.flying()) send.end(refuse(send.job));
    await rig.pass(10_000, 500);
    expect(rig.said("dlq.added").map((event) => "id" in event && event.id)).toEqual(ids);
  }
});

test("a job that an operator ended while its send was out is not said to be delivered", async () => {
  const rig = flakyRig();
  const route = testRoute({ app: "a", capability: "c" }, { answer: hang });
  rig.plan = (_, verb) => (verb === "settle" && rig.clock.now() < 1_000 ? "before" : null);
  rig.deliverer.apply([route], SETTINGS);
  const ids = await rig.put(route);
  await rig.deliverer.start();
  await rig.settled();
  for (const send of route.flying()) send.end(ok(send.job));
  await rig.settled();
  await rig.store.change("cancel", ids);
  await rig.pass(10_000, 500);
  expect(rig.said("delivery.delivered", "dlq.added")).toEqual([]);
});
