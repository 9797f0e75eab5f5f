import { expect, test } from "vitest";
import type { Claim, Spool } from "../../src/spool/port.ts";
import { states } from "../contract/spool.rig.ts";
import { failing, hang, testRoute } from "../help/deliverer.route.ts";
import { delivererRig, SETTINGS } from "../help/deliverer.ts";

const QUIZ = { app: "quiz", capability: "winner" };
const MIB = 1024 * 1024;

/** What was asked for, and what came of it: bytes of bodies. */
function watchedClaims() {
  const claims: { readonly want: Claim; readonly bytes: number; readonly jobs: number }[] = [];
  const between = (store: Spool): Spool => ({
    ...store,
    async claim(want) {
      const got = await store.claim(want);
      const bytes = got.jobs.reduce((sum, { body }) => sum + body.length, 0);
      claims.push({ want, bytes, jobs: got.jobs.length });
      return got;
    },
  });
  return { claims, between };
}

test("a claim of large payloads stays within its bound, though more were wanted", async () => {
  const { claims, between } = watchedClaims();
  const rig = delivererRig({ between });
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], SETTINGS);
  await rig.put(route, 12, { body: Buffer.alloc(1.5 * MIB) });
  await rig.deliverer.start();
  await rig.settled();
  const brought = claims.filter(({ jobs }) => jobs > 0);
  expect(brought.length).toBeGreaterThan(1);
  for (const { want, bytes } of brought) {
    expect(want.max).toBeGreaterThan(2);
    expect(bytes).toBeLessThanOrEqual(4 * MIB);
  }
});

test("of large payloads no more wait here than a bound, beyond which each lane has one", async () => {
  const rig = delivererRig();
  const routes = Array.from({ length: 30 }, (_, i) =>
    testRoute({ app: "quiz", capability: `c${i}` }, { answer: hang }),
  );
  rig.deliverer.apply(routes, SETTINGS);
  for (const route of routes) await rig.put(route, 4, { body: Buffer.alloc(MIB) });
  await rig.deliverer.start();
  await rig.settled();
  const { leased = 0 } = await states(rig.store);
  const waiting = leased - SETTINGS.perApp;
  expect(routes.reduce((sum, route) => sum + route.flying().length, 0)).toBe(SETTINGS.perApp);
  expect(waiting).toBeGreaterThan(40);
  expect(waiting).toBeLessThanOrEqual(64 + routes.length);
  // Everybody has had what one slot needs.
  for (const route of routes) {
    const { items } = await rig.store.list({ filter: { ...route, states: ["leased"] }, limit: 10, cursor: null });
    expect(items.length).toBeGreaterThanOrEqual(1);
  }
});

test("what waits here goes back when its route is paused, as it came, and expires there", async () => {
  const rig = delivererRig();
  const route = testRoute(QUIZ, { answer: hang });
  rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 8 });
  const ids = await rig.put(route, 3, { maxAgeMs: 60_000 });
  await rig.deliverer.start();
  await rig.settled();
  expect(await states(rig.store)).toEqual({ leased: 3 });
  rig.pauses.set({ ...QUIZ, cause: "paused", by: "ann", at: 1 });
  rig.deliverer.wake("quiz", "winner");
  await rig.settled();
  expect(await states(rig.store)).toEqual({ leased: 1, queued: 2 });
  expect(await rig.store.find(ids[1]!)).toMatchObject({ attempts: 0, sends: 0, inDoubt: false });
  rig.clock.advance(60_000);
  expect((await rig.store.sweep()).expired.map(({ id }) => id)).toEqual(ids.slice(1));
});

test("behind an open breaker little stays here, and much goes back", async () => {
  for (const [size, stays] of [
    [1_000, true],
    [0.75 * MIB, false],
  ] as const) {
    const rig = delivererRig();
    const route = testRoute(QUIZ, { answer: hang });
    route.retryAfter = 60_000;
    rig.deliverer.apply([route], { concurrency: 1, perApp: 1, batch: 8 });
    await rig.put(route, 3, { body: Buffer.alloc(size) });
    await rig.deliverer.start();
    await rig.settled();
    route.open = true;
    route.flying()[0]?.end(failing(route.flying()[0]!.job));
    await rig.settled();
    expect(await states(rig.store)).toEqual(stays ? { leased: 2, queued: 1 } : { queued: 3 });
  }
});

test("what waits behind very many open breakers gives way to apps that are well", async () => {
  const rig = delivererRig();
  const down = Array.from({ length: 160 }, (_, i) => testRoute({ app: "quiz", capability: `c${i}` }, { answer: hang }));
  const well = testRoute({ app: "poll", capability: "closed" });
  rig.deliverer.apply([...down, well], SETTINGS);
  for (const route of down) await rig.put(route, 1, { body: Buffer.alloc(MIB - 8_192) });
  await rig.deliverer.start();
  await rig.settled();
  for (const route of down) route.open = true;
  rig.deliverer.wake("quiz", null);
  await rig.settled();
  await rig.put(well, 3);
  await rig.settled();
  expect(well.sends).toHaveLength(3);
});
