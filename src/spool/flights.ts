import type { Flight } from "./deliverer.ts";

/**
 * The jobs that are out, in the order they left. Those of an app that hangs would keep the slots of all: so what has
 * been out for long leaves its slot to others, as far as there is as much room again.
 */
export interface Flights {
  readonly all: Iterable<Flight>;
  add(flight: Flight, now: number): void;
  delete(flight: Flight): void;
  /** Looks who has been out for long. */
  age(now: number): void;
  /** How many hold one of `concurrency` slots. */
  holding(concurrency: number): number;
  readonly size: number;
  /** When the next one will have been out for long; infinite for none. */
  next(): number;
}

/** Twice what an app should take, and well under what one that hangs does. */
const LONG_MS = 1_000;

export function createFlights(): Flights {
  const young = new Map<Flight, number>();
  const old = new Set<Flight>();
  return {
    all: {
      *[Symbol.iterator]() {
        yield* old;
        yield* young.keys();
      },
    },
    add: (flight, now) => void young.set(flight, now),
    delete(flight) {
      if (!young.delete(flight)) old.delete(flight);
    },
    age(now) {
      for (const [flight, since] of young) {
        if (now - since < LONG_MS) return;
        young.delete(flight);
        old.add(flight);
      }
    },
    holding: (concurrency) => young.size + Math.max(0, old.size - concurrency),
    get size() {
      return young.size + old.size;
    },
    next() {
      for (const since of young.values()) return since + LONG_MS;
      return Number.POSITIVE_INFINITY;
    },
  };
}
