import { createEventRing } from "../src/admin/ring.ts";
import { systemClock } from "../src/core/clock.ts";
import { createEventBus, type RequestCompleted } from "../src/core/events.ts";
import { systemRandom } from "../src/core/random.ts";
import { createCallHistory } from "../src/observe/calls.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { attemptOf, requestCompleted } from "../test/help/events.ts";

/**
 * What recording one call costs on the request path: nanoseconds for each `request.completed` taken by the bus and
 * counted in the metrics and the history and held for the event stream, over 200 routes, one try each. The budget for metrics and history together is 3 µs.
 */

const ROUTES = 200;
const ROUNDS = 7;
const CALLS = 200_000;

const metrics = createMetrics({
  build: { version: "bench", node: process.version },
  breakers: () => [],
  apps: () => [],
  alerts: () => [],
  inFlight: () => [],
  spool: async () => ({
    states: { queued: 0, leased: 0, verifying: 0, delivered: 0, dead: 0, cancelled: 0 },
    bytes: 0,
    oldestAgeMs: null,
    routes: [],
  }),
});
const bus = createEventBus((error) => {
  throw error;
});
bus.on(metrics.record);
bus.on(createEventRing().record);
bus.on(
  createCallHistory({
    clock: systemClock,
    random: systemRandom,
    settings: { retainMs: 86_400_000, samples: "all", samplesRate: 1000, maxBytes: 2 ** 30 },
    // What it is written to is another thread's work; nothing leaves before this ends.
    store: {
      add: async () => {},
      addSamples: async () => {},
      read: async () => [],
      sweep: async () => ({ routes: [], next: null }),
      known: async () => true,
      samples: async () => ({ items: [], next: null }),
      roll: async () => false,
      prune: async () => false,
    },
  }).record,
);

const events: RequestCompleted[] = Array.from({ length: ROUTES }, (_, i) =>
  requestCompleted({
    route: { app: `app${i % 20}`, capability: `capability${i}`, key: `app${i % 20}/capability${i}`, mode: "sync" },
    durationMs: (i % 40) + 0.5,
    attempts: [attemptOf({ durationMs: (i % 40) + 0.25 })],
  }),
);
const rounds: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) bus.emit(events[i % ROUTES] as RequestCompleted);
  rounds.push(Number(process.hrtime.bigint() - start) / CALLS);
}
rounds.sort((a, b) => a - b);
const [least, median, most] = [rounds[0], rounds[ROUNDS >> 1], rounds.at(-1)].map((ns) => Math.round(ns ?? 0));
console.log(`record: median ${median} ns for each request.completed (${least} to ${most}), ${ROUTES} routes`);
process.exit(0);
