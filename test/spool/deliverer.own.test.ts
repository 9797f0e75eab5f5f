import { expect, test } from "vitest";
import { OWN_APP } from "../../src/core/job.ts";
import { hang, testRoute } from "../help/deliverer.route.ts";
import { delivererRig } from "../help/deliverer.ts";

/** Our own jobs, such as notifications, beside those of apps. */

const ONE_SLOT = { concurrency: 1, perApp: 1, batch: 8 };
const own = (n: number) =>
  Array.from({ length: n }, (_, i) => testRoute({ app: OWN_APP, capability: `channel-${i}` }, { answer: hang }));

test("channels that hang take no slot of an app, and none of each other", async () => {
  const rig = delivererRig();
  const channels = own(20);
  const apps = ["a", "b"].map((app) => testRoute({ app, capability: "c" }));
  rig.deliverer.apply([...channels, ...apps], ONE_SLOT);
  for (const channel of channels) await rig.put(channel, 1);
  await rig.deliverer.start();
  await rig.settled();
  expect(channels.map((channel) => channel.flying().length)).toEqual(Array(20).fill(1));
  for (const app of apps) await rig.put(app, 5);
  await rig.settled();
  expect(apps.map(({ sends }) => sends.length)).toEqual([5, 5]);
});

test("while apps hold every slot, and hang, our own jobs go", async () => {
  const rig = delivererRig();
  const app = testRoute({ app: "a", capability: "c" }, { answer: hang });
  const channels = own(3);
  rig.deliverer.apply([app, ...channels], ONE_SLOT);
  await rig.put(app, 10);
  await rig.deliverer.start();
  await rig.settled();
  expect(app.flying()).toHaveLength(1);
  for (const channel of channels) await rig.put(channel, 1);
  await rig.settled();
  expect(channels.map((channel) => channel.flying().length)).toEqual([1, 1, 1]);
  expect(app.flying()).toHaveLength(1);
});

test("our own job under way does not make an app share: alone it has all the slots that there are", async () => {
  const rig = delivererRig();
  const app = testRoute({ app: "a", capability: "c" }, { answer: hang });
  const channels = own(1);
  rig.deliverer.apply([app, ...channels], { concurrency: 8, perApp: 8, batch: 32 });
  for (const route of [...channels, app]) await rig.put(route, route === app ? 20 : 1);
  await rig.deliverer.start();
  await rig.settled();
  expect(channels[0]?.flying()).toHaveLength(1);
  expect(app.flying()).toHaveLength(8);
});
