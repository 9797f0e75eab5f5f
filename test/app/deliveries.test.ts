import { expect, onTestFinished, test } from "vitest";
import { deliveryService } from "../../src/app/deliveries.admin.ts";
import { openDeliveries } from "../../src/app/deliveries.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createEventBus, type OutriggerEvent } from "../../src/core/events.ts";
import { idText } from "../../src/core/job.id.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { SpoolSettings } from "../../src/core/settings.service.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { again, queueAll, take } from "../contract/spool.rig.ts";
import { hang, testRoute } from "../help/deliverer.route.ts";
import { storedJob } from "../help/deliveries.ts";
import { createExchange } from "../help/exchange.ts";
import { jobs, leavesOf, openFiles } from "../storage/spool.files.ts";
import { junkPages, tempDir } from "../storage/support.ts";

const SPOOL: SpoolSettings = {
  driver: "sqlite",
  durability: "full",
  maxJobs: 100,
  maxBytes: 1e9,
  concurrency: 1,
  perApp: 1,
  retainDeliveredMs: 1e9,
  retainDeadMs: 1e9,
  batch: 8,
};

/** The asynchronous path over a real file, with one route whose app hangs. */
async function opened(dataDir = tempDir()) {
  const events: OutriggerEvent[] = [];
  const bus = createEventBus((error) => {
    throw error;
  });
  bus.on((event) => void events.push(event));
  const storage = await openStorage({ dataDir, clock: systemClock, onEvent: bus.emit });
  const deliveries = await openDeliveries(
    {
      storage,
      redis: null,
      redisSettings: null,
      log: { error: () => undefined, warn: () => undefined },
      clock: systemClock,
      random: systemRandom,
      memory: createMemoryLedger(1e9),
      bus,
      key: undefined,
      dataDir,
      onCommit: () => undefined,
      onAttempts: () => undefined,
      ask: () => null,
      version: "0",
      onVerified: () => undefined,
      onOwn: () => undefined,
      onUndone: () => undefined,
    },
    SPOOL,
  );
  onTestFinished(async () => {
    await deliveries[Symbol.asyncDispose]();
    await storage.close();
  });
  const route = testRoute({ app: "quiz", capability: "winner" }, { answer: hang });
  deliveries.deliverer.apply([route], SPOOL);
  await deliveries.deliverer.start();
  const later = deliveries.later({ app: { name: "quiz" }, capability: "winner", retry: { maxAgeMs: 60_000 } });
  return { ...deliveries, deliveries, bus, events, route, later };
}

test("what was left behind too late, and is taken back, is neither sent on nor kept", async () => {
  const { later, route, spool, events } = await opened();
  const [out, waits] = [await later.keep(createExchange()), await later.keep(createExchange({ id: "second" }))];
  await expect.poll(() => route.ids()).toEqual([out]);
  // Its caller was told of an error meanwhile.
  later.cancel(out!);
  later.cancel(waits!);
  await expect.poll(() => Promise.all([spool.find(out!), spool.find(waits!)])).toEqual([null, null]);
  expect(route.sends.map(({ aborted }) => aborted)).toEqual([true]);
  const next = await later.keep(createExchange({ id: "third" }));
  await expect.poll(() => route.ids()).toEqual([out, next]);
  expect(events.map(({ type }) => type)).toEqual(Array(3).fill("delivery.queued"));
});

test("what is due anew in a file that was recovered is fetched, though nothing else happens on its route", async () => {
  const clock = systemClock;
  const { dir, path, spool, storage } = await openFiles(tempDir(), { wall: clock.wall() });
  const small = { at: clock.wall(), body: Buffer.from("{}") };
  await queueAll(
    spool,
    jobs(1_200, () => small),
  );
  // Nothing is due for an hour, as far as anybody knows.
  const leased = await take(spool);
  await Promise.all(leased.map(({ lease }) => spool.settle(lease, again(0, 3_600_000))));
  await storage.close();
  const { spool: now, route, events } = await opened(dir);
  // The check of the file is over once the thread is idle again.
  for (let n = 0; n < 3; n++) await now.recall({ app: "quiz", capability: "winner" }, "none");
  expect(route.sends).toEqual([]);
  junkPages(path, leavesOf(path, "jobs").slice(-3, -2));
  await now.list({ filter: {}, limit: 1, cursor: null });
  expect(events.map(({ type }) => type)).toContain("storage.failing");
  // Those whose row was lost are queued again, in doubt.
  await expect.poll(() => route.sends.map(({ job }) => job.inDoubt)).toEqual([true]);
});

test("a route that is paused is shown as such though it never had a job", async () => {
  const { deliveries, bus } = await opened();
  const routes = () => [
    { app: "crm", capability: "contact" },
    { app: "crm", capability: "deal" },
    { app: "quiz", capability: "winner" },
  ];
  const service = deliveryService({ deliveries, clock: systemClock, bus, mask: (text) => text, routes });
  service.pause("crm", "contact", "ops");
  const none = { queued: 0, leased: 0, verifying: 0, dead: 0 };
  const paused = { cause: "paused", since: expect.any(Number), by: "ops" };
  expect((await service.survey()).routes).toEqual([{ app: "crm", capability: "contact", ...none, parked: paused }]);
  service.pause("crm", null, "ops");
  expect((await service.survey()).routes.map(({ capability }) => capability)).toEqual(["contact", "deal"]);
  service.resume("crm", null, "ops");
  service.resume("crm", "contact", "ops");
  expect((await service.survey()).routes).toEqual([]);
});

test("a list goes on through what does not match, until its page is full or all was seen", async () => {
  const { deliveries, bus } = await opened();
  const service = deliveryService({ deliveries, clock: systemClock, bus, mask: (text) => text, routes: () => [] });
  // The oldest are of another app, behind more than one look goes through.
  const seq = (systemClock.wall() - 1_577_836_800_000 - 10_000) * 4096;
  const dead = (n: number) =>
    storedJob({ id: idText({ seq: seq + n, tail: n }), app: n < 3 ? "crm" : "quiz", at: systemClock.wall() });
  expect(await Promise.all(Array.from({ length: 5_200 }, (_, n) => service.import(dead(n))))).not.toContain(false);
  const found = await service.list({ filter: { states: ["dead"], app: "crm" }, limit: 2, cursor: null });
  expect(found.items.map(({ id }) => id)).toEqual([2, 1].map((n) => dead(n).id));
  const rest = await service.list({ filter: { states: ["dead"], app: "crm" }, limit: 2, cursor: found.next });
  expect([rest.items.map(({ id }) => id), rest.next]).toEqual([[dead(0).id], null]);
  expect(await service.list({ filter: { states: ["queued"] }, limit: 2, cursor: null })).toEqual({
    items: [],
    next: null,
  });
});

test("a delivery that an operator cancels is said to be in the dead-letter queue", async () => {
  const { deliveries, bus, later, route, events } = await opened();
  const service = deliveryService({ deliveries, clock: systemClock, bus, mask: (text) => text, routes: () => [] });
  const id = await later.keep(createExchange());
  await expect.poll(() => route.ids()).toEqual([id]);
  await service.change("cancel", [id!], "ops");
  expect(events.filter(({ type }) => type === "dlq.added")).toMatchObject([{ id, reason: "cancelled" }]);
});

test("what is imported and retried for a route that nobody knows waits visibly, and goes when a manifest names it", async () => {
  const { deliveries, bus } = await opened();
  const service = deliveryService({ deliveries, clock: systemClock, bus, routes: () => [], mask: (text) => text });
  const NEW = { app: "poll", capability: "closed" };
  const job = storedJob({ ...NEW, id: "018bcfe5-6800-7000-8000-000000000000", orderKey: null });
  expect(await service.import({ ...job, expiresAt: job.at + 86_400_000 })).toBe(true);
  expect(await service.change("retry", [job.id], "ops")).toHaveLength(1);
  expect((await service.survey()).routes).toMatchObject([{ ...NEW, parked: { cause: "no_route" } }]);
  const route = testRoute(NEW, { answer: hang });
  deliveries.deliverer.apply([route], SPOOL);
  await expect.poll(() => route.ids()).toEqual([job.id]);
});
