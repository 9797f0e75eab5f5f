import { expect, test } from "vitest";
import { states } from "../contract/spool.rig.ts";
import { failing, ok, type TestRoute, testRoute } from "../help/deliverer.route.ts";
import { type DelivererRig, delivererRig } from "../help/deliverer.ts";
import { createSeededRandom } from "../help/seeded-random.ts";

/** Another one each time; a failure says it. */
const anySeed = (): number => Number(process.hrtime.bigint() % 1_000_000_000n);

const SETTINGS = { concurrency: 6, perApp: 3, batch: 4 };
const APPS = ["a", "b", "c", "d"];

const inApp = (routes: readonly TestRoute[], app: string): TestRoute[] => routes.filter((route) => route.app === app);
const flying = (routes: readonly TestRoute[]): number => routes.reduce((sum, route) => sum + route.flying().length, 0);

/** What holds whenever nothing moves: shares are kept, and no app is left without a slot whose jobs could go. */
async function expectFair(rig: DelivererRig, routes: readonly TestRoute[], seed: number): Promise<void> {
  const { items } = await rig.store.list({ filter: {}, limit: 10_000, cursor: null });
  const out = new Set(routes.flatMap((route) => route.flying().map(({ job }) => job.lease.id)));
  for (const app of APPS) {
    const own = inApp(routes, app);
    const parked = (capability: string): boolean =>
      rig.pauses.of(app, capability) !== null || own.some((route) => route.capability === capability && route.open);
    const due = items.filter(
      (job) =>
        job.app === app &&
        !out.has(job.id) &&
        !parked(job.capability) &&
        (job.state === "leased" || (job.state === "queued" && (job.dueAt ?? 0) <= rig.clock.wall())),
    );
    expect(flying(own), `seed ${seed}`).toBeLessThanOrEqual(SETTINGS.perApp);
    if (due.length > 0) expect(flying(own), `seed ${seed}, ${app}`).toBeGreaterThanOrEqual(1);
    // Slots are free, and there is nobody else they could be kept for.
    const alone = due.length > 0 && flying(routes) === flying(own);
    if (alone && new Set(due.map(({ sends }) => sends > 0)).size === 1 && own.every((one) => one.flying().length < 2)) {
      expect(flying(own), `seed ${seed}, ${app} alone`).toBeGreaterThanOrEqual(2);
    }
  }
  // What has been out for long has as much room again.
  expect(flying(routes), `seed ${seed}`).toBeLessThanOrEqual(2 * SETTINGS.concurrency + APPS.length);
}

async function act(rig: DelivererRig, routes: readonly TestRoute[], random: ReturnType<typeof createSeededRandom>) {
  const route = routes[random.below(routes.length)] as TestRoute;
  const { app, capability } = route;
  switch (random.below(7)) {
    case 0:
    case 1:
      return void (await rig.put(route, 1 + random.below(6), { sends: random.below(2) }));
    case 2:
    case 3:
      for (const send of route.flying())
        send.end(send.job.attempts < 3 && random.below(4) === 0 ? failing(send.job) : ok(send.job));
      return;
    case 4:
      route.open = !route.open;
      route.retryAfter = 1_000 + random.below(5_000);
      return rig.deliverer.wake(app, capability);
    case 5:
      if (!rig.pauses.end(app, capability)) rig.pauses.set({ app, capability, cause: "paused", by: "ann", at: 1 });
      return rig.deliverer.wake(app, capability);
    default:
      return rig.clock.advance(random.below(3_000));
  }
}

test("whatever happens, shares are kept, no app starves, and in the end every job is delivered", async () => {
  const first = anySeed();
  for (let seed = first; seed < first + 25; seed++) {
    const random = createSeededRandom(seed);
    const rig = delivererRig();
    const routes = APPS.flatMap((app, i) =>
      Array.from({ length: 3 }, (_, k) =>
        testRoute({ app, capability: `c${k}` }, { answer: () => null, priority: (i + k) % 3 }),
      ),
    );
    rig.deliverer.apply(routes, SETTINGS);
    await rig.deliverer.start();
    for (let i = 0; i < 60; i++) {
      await act(rig, routes, random);
      await rig.settled();
      await expectFair(rig, routes, seed);
    }
    for (const route of routes) {
      route.open = false;
      rig.pauses.end(route.app, route.capability);
      rig.deliverer.wake(route.app, route.capability);
      route.answer = ok;
      for (const send of route.flying()) send.end(ok(send.job));
    }
    await rig.pass(120_000, 5_000);
    const { delivered, ...rest } = await states(rig.store);
    expect([delivered === undefined || delivered > 0, rest], `seed ${seed}`).toEqual([true, {}]);
    await rig.stop();
  }
});
