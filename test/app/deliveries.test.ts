import { expect, onTestFinished, test } from "vitest";
import { openDeliveries } from "../../src/app/deliveries.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createEventBus, type OutriggerEvent } from "../../src/core/events.ts";
import { createMemoryLedger } from "../../src/core/memory.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { SpoolSettings } from "../../src/core/settings.service.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { hang, testRoute } from "../help/deliverer.route.ts";
import { createExchange } from "../help/exchange.ts";
import { tempDir } from "../storage/support.ts";

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
async function opened() {
  const dataDir = tempDir();
  const events: OutriggerEvent[] = [];
  const bus = createEventBus((error) => {
    throw error;
  });
  bus.on((event) => void events.push(event));
  const storage = await openStorage({ dataDir, clock: systemClock, onEvent: bus.emit });
  const deliveries = await openDeliveries(
    {
      storage,
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
  return { ...deliveries, events, route, later };
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
