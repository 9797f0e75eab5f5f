import fc from "fast-check";
import { expect, test } from "vitest";
import { createEventRing, type EventFilter } from "../../src/admin/ring.ts";
import type { OutriggerEvent } from "../../src/core/events.ts";
import { EVENT_SAMPLES } from "../help/event.samples.ts";
import { breakerMoved, requestCompleted } from "../help/events.ts";

const ANY: EventFilter = { app: null, types: null, room: null };
const shop = { app: "shop", capability: "order", key: "shop/order", mode: "sync" } as const;
const KINDS: readonly OutriggerEvent[] = [
  requestCompleted(),
  requestCompleted({ route: shop, labels: { room: "1" } }),
  breakerMoved(),
  breakerMoved({ app: "shop", type: "breaker.closed" }),
];
const FILTERS: readonly EventFilter[] = [
  ANY,
  { ...ANY, app: "shop" },
  { ...ANY, room: "1" },
  { ...ANY, types: new Set(["breaker.opened"]) },
  { ...ANY, types: new Set(["request.completed", "breaker.closed"]) },
];

test("read in any parts, a ring gives each held event that passes once and in order, and says when some are gone", () => {
  const kinds = fc.array(fc.nat(KINDS.length - 1), { maxLength: 40 });
  fc.assert(
    fc.property(
      kinds,
      fc.constantFrom(...FILTERS),
      fc.nat(45),
      fc.integer({ min: 1, max: 5 }),
      (added, filter, from, max) => {
        const ring = createEventRing({ requests: 8, others: 4 });
        // Somebody follows: only then are good requests kept.
        ring.onRecord(() => undefined);
        const all = added.map((kind, i) => ({ id: i + 1, event: KINDS[kind] as OutriggerEvent }));
        for (const { event } of all) ring.record(event);
        const ofRequests = (event: OutriggerEvent): boolean => event.type === "request.completed";
        const held = [
          ...all.filter(({ event }) => ofRequests(event)).slice(-8),
          ...all.filter(({ event }) => !ofRequests(event)).slice(-4),
        ].sort((a, b) => a.id - b.id);
        const passing = (list: typeof all): number[] =>
          list
            .filter(({ id, event }) => {
              const app = event.type === "request.completed" ? event.route.app : "app" in event ? event.app : null;
              const room = "labels" in event ? (event.labels as { room?: string }).room : undefined;
              return (
                id > from &&
                (filter.app === null || app === filter.app) &&
                (filter.types === null || filter.types.has(event.type)) &&
                (filter.room === null || room === filter.room)
              );
            })
            .map(({ id }) => id);

        const read: number[] = [];
        let cursor = from;
        for (;;) {
          const part = ring.read(cursor, filter, max);
          expect(part.events.length).toBeLessThanOrEqual(max);
          read.push(...part.events.map(({ id }) => id));
          if (part.cursor === cursor || part.events.length === 0) break;
          cursor = part.cursor;
        }
        expect(read).toEqual(passing(held));
        if (passing(all).length > read.length) expect(ring.read(from, filter, max).lost).toBe(true);
      },
    ),
  );
});

test("a refused manifest is held with its first problems only", () => {
  const ring = createEventRing();
  const problems = Array.from({ length: 500 }, (_, i) => `problem ${i}`);
  ring.record({ type: "manifest.rejected", at: 0, by: "file", problems });
  const [event] = ring.read(0, ANY, 1).events;
  expect(JSON.parse(event?.text() ?? "")).toMatchObject({ problems: problems.slice(0, 20) });
});

test("good requests are kept only while somebody follows and a minute after; who asks later is told of the gap", () => {
  const ring = createEventRing();
  const all = { app: null, types: null, room: null };
  ring.record(requestCompleted({ at: 0 }));
  ring.record(requestCompleted({ at: 1, outcome: "failed", reason: "timeout" }));
  expect(ring.read(0, all, 10)).toMatchObject({ events: [{ id: 2 }], lost: true, cursor: 2 });
  const leave = ring.onRecord(() => undefined);
  ring.record(requestCompleted({ at: 2 }));
  leave();
  ring.record(requestCompleted({ at: 60_002 }));
  ring.record(requestCompleted({ at: 60_003 }));
  expect(ring.read(2, all, 10)).toMatchObject({ events: [{ id: 3 }, { id: 4 }], lost: true, cursor: 5 });
  expect(ring.read(5, all, 10)).toMatchObject({ events: [], lost: false, cursor: 5 });
});

test("of a job that goes well nothing is kept while nobody follows; what went wrong with it is", () => {
  const ring = createEventRing();
  ring.record(requestCompleted({ outcome: "queued", status: 202 }));
  for (const type of ["delivery.queued", "delivery.delivered", "delivery.retry"] as const)
    ring.record(EVENT_SAMPLES[type]);
  expect(ring.read(0, ANY, 10)).toMatchObject({ events: [{ id: 4, type: "delivery.retry" }], lost: true, cursor: 4 });
});
