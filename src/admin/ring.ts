import { eventApp, eventLabel, eventRecord } from "../core/event.record.ts";
import type { EventType, Listener, OutriggerEvent } from "../core/events.ts";

/**
 * The latest events in memory, for whoever follows them. Followers hold only the number of the last event they saw
 * and read on from there, so nothing is kept per follower and a slow one costs nothing. Events of single requests
 * have a ring of their own: ten thousand of them must not push out that a breaker opened.
 */
export interface EventRing {
  readonly record: Listener;
  /** The number of the newest event; the first is 1. */
  lastId(): number;
  /** Up to `max` events after number `after`, oldest first, of those that pass. */
  read(after: number, filter: EventFilter, max: number): EventPart;
  /** Calls `wake` at each event until the returned call. */
  onRecord(wake: () => void): () => void;
}

export interface EventPart {
  readonly events: readonly NumberedEvent[];
  /** Read on from here. */
  readonly cursor: number;
  /** Events after `after` that would have passed may be gone already. */
  readonly lost: boolean;
}

export interface NumberedEvent {
  readonly id: number;
  readonly type: EventType;
  /** The event as JSON on one line, made when it is first asked for. */
  text(): string;
}

export interface EventFilter {
  /** null stands for every one. */
  readonly app: string | null;
  readonly types: ReadonlySet<EventType> | null;
  readonly room: string | null;
}

export interface RingSizes {
  readonly requests: number;
  readonly others: number;
}

/** A few MiB at most: an event is some hundred bytes. */
const SIZES: RingSizes = { requests: 8_192, others: 2_048 };
/**
 * Good requests and deliveries are kept only while somebody follows, and so long after: holding on to each of thousands
 * a second costs the collector more than all else that is done with them. Who asks for them later is told of the gap.
 */
const RESUME_MS = 60_000;
/** A refused manifest may have hundreds of problems; `outrigger check` tells them all. */
const MAX_PROBLEMS = 20;

const OF_REQUESTS: ReadonlySet<EventType> = new Set<EventType>([
  "request.completed",
  "fallback.used",
  "delivery.queued",
  "delivery.delivered",
  "delivery.retry",
]);

/** `mask` replaces secrets in what leaves: labels are what callers and manifests say. */
export function createEventRing(sizes: RingSizes = SIZES, mask: (text: string) => string = unmasked): EventRing {
  const requests = createRing(sizes.requests);
  const others = createRing(sizes.others);
  const wakers = new Set<() => void>();
  let lastId = 0;
  let followedAt = Number.NEGATIVE_INFINITY;
  return {
    record(event) {
      if (wakers.size > 0) followedAt = event.at;
      else if (isGood(event) && event.at - followedAt > RESUME_MS) {
        requests.skip(++lastId);
        return;
      }
      (OF_REQUESTS.has(event.type) ? requests : others).add(createSlot(++lastId, event, mask));
      for (const wake of wakers) wake();
    },
    lastId: () => lastId,
    read(after, filter, max) {
      const wanted = wantedRings(filter, requests, others);
      const events: Slot[] = [];
      let cursor = after;
      for (const slot of merged(wanted.map((ring) => ring.after(after)))) {
        cursor = slot.id;
        if (passes(slot.event, filter) && events.push(slot) === max) {
          return { events, cursor, lost: wanted.some((ring) => ring.evicted() > after) };
        }
      }
      return { events, cursor: Math.max(cursor, lastId), lost: wanted.some((ring) => ring.evicted() > after) };
    },
    onRecord(wake) {
      wakers.add(wake);
      return () => wakers.delete(wake);
    },
  };
}

/** Nothing that anybody would look for later: it went as it should. */
function isGood(event: OutriggerEvent): boolean {
  switch (event.type) {
    case "request.completed":
      return event.outcome === "ok" || event.outcome === "queued";
    case "delivery.queued":
    case "delivery.delivered":
      return true;
    default:
      return false;
  }
}

const unmasked = (text: string): string => text;

interface Slot extends NumberedEvent {
  readonly event: OutriggerEvent;
}

function createSlot(id: number, event: OutriggerEvent, mask: (text: string) => string): Slot {
  const kept =
    event.type === "manifest.rejected" ? { ...event, problems: event.problems.slice(0, MAX_PROBLEMS) } : event;
  let text: string | null = null;
  return {
    id,
    type: event.type,
    event: kept,
    text() {
      text ??= JSON.stringify(eventRecord(kept), (_key, value: unknown) =>
        typeof value === "string" ? mask(value) : value,
      );
      return text;
    },
  };
}

function passes(event: OutriggerEvent, { app, types, room }: EventFilter): boolean {
  return (
    (types === null || types.has(event.type)) &&
    (app === null || eventApp(event) === app) &&
    (room === null || eventLabel(event, "room") === room)
  );
}

interface Ring {
  add(slot: Slot): void;
  /** Counts an event that is not kept. */
  skip(id: number): void;
  /** Those with a greater number, oldest first. */
  after(id: number): Iterator<Slot, undefined>;
  /** The number of the newest one that was overwritten or skipped; 0 for none. */
  evicted(): number;
}

function createRing(size: number): Ring {
  const slots: Slot[] = [];
  let added = 0;
  let evicted = 0;
  const at = (i: number): Slot => slots[i % size] as Slot;
  return {
    add(slot) {
      if (added >= size) evicted = Math.max(evicted, at(added).id);
      slots[added++ % size] = slot;
    },
    skip(id) {
      evicted = id;
    },
    *after(id) {
      let low = Math.max(added - size, 0);
      let high = added;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (at(middle).id > id) high = middle;
        else low = middle + 1;
      }
      for (let i = low; i < added; i++) yield at(i);
      return undefined;
    },
    evicted: () => evicted,
  };
}

function wantedRings({ types }: EventFilter, requests: Ring, others: Ring): Ring[] {
  if (types === null) return [requests, others];
  const all = [...types];
  return [
    ...(all.some((type) => OF_REQUESTS.has(type)) ? [requests] : []),
    ...(all.some((type) => !OF_REQUESTS.has(type)) ? [others] : []),
  ];
}

/** Both rings as one, by number. */
function* merged(rings: readonly Iterator<Slot, undefined>[]): Generator<Slot> {
  const heads = rings.map((ring) => ({ ring, slot: ring.next().value }));
  for (;;) {
    let first: (typeof heads)[number] | null = null;
    for (const head of heads) {
      if (head.slot !== undefined && (first?.slot === undefined || head.slot.id < first.slot.id)) first = head;
    }
    if (first?.slot === undefined) return;
    yield first.slot;
    first.slot = first.ring.next().value;
  }
}
