import { expect, test } from "vitest";
import { parkingService } from "../../src/app/parking.ts";
import { states } from "../contract/spool.rig.ts";
import { gone, ok, testRoute } from "../help/deliverer.route.ts";
import { delivererRig } from "../help/deliverer.ts";

const ONE_SLOT = { concurrency: 1, perApp: 1, batch: 1 };

/** Two routes of one app, of which the app answers 410 at the first. */
async function twoRoutes() {
  const rig = delivererRig();
  const winner = testRoute({ app: "quiz", capability: "winner" }, { answer: gone });
  const closed = testRoute({ app: "quiz", capability: "closed" });
  const routes = [winner, closed];
  rig.deliverer.apply(routes, ONE_SLOT);
  await rig.deliverer.start();
  return { ...rig, winner, closed, operator: parkingService({ ...rig, routes: () => routes }) };
}

test("resuming an app lets a route go on that three answers of 410 had parked", async () => {
  const { winner, put, settled, store, operator, deliverer } = await twoRoutes();
  await put(winner, 5);
  await settled();
  expect(await states(store)).toEqual({ dead: 3, queued: 2 });
  winner.answer = ok;
  expect(operator.resume("quiz", null, "ann")).toEqual({ paused: false, appPaused: false });
  await settled();
  expect(await states(store)).toEqual({ dead: 3, delivered: 2 });
  expect(deliverer.parked("quiz", "winner")).toBeNull();
});

test("resuming an app leaves what an operator paused by itself as it is", async () => {
  const { closed, put, settled, store, operator, deliverer } = await twoRoutes();
  operator.pause("quiz", "closed", "ann");
  operator.pause("quiz", null, "ben");
  await put(closed);
  operator.resume("quiz", null, "ben");
  await settled();
  expect(await states(store)).toEqual({ queued: 1 });
  expect(deliverer.parked("quiz", "closed")?.cause).toBe("paused");
});

test("resuming a route of a paused app says that it waits on", async () => {
  const { closed, put, settled, store, operator } = await twoRoutes();
  expect(operator.pause("quiz", null, "ann")).toEqual({ paused: true, appPaused: true });
  await put(closed);
  expect(operator.resume("quiz", "closed", "ann")).toEqual({ paused: true, appPaused: true });
  await settled();
  expect(await states(store)).toEqual({ queued: 1 });
  expect(operator.resume("quiz", null, "ann")).toEqual({ paused: false, appPaused: false });
  await settled();
  expect(await states(store)).toEqual({ delivered: 1 });
  expect(operator.resume("quiz", "other", "ann")).toBeNull();
});
