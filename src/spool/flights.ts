import { type Link, LinkedList } from "../core/linked.ts";
import type { Flight } from "./deliverer.ts";
import type { AppState } from "./route.ts";

/**
 * The jobs that are out, in the order they left. Those of an app that hangs would keep the slots of all: so what has
 * been out for long leaves its slot to others, as far as there is as much room again.
 */
export interface Flights {
  readonly all: Iterable<Flight>;
  add(flight: Flight): Link<Flight>;
  delete(flight: Link<Flight>): void;
  /** Looks who has been out for long. */
  age(now: number): void;
  /** How many hold one of `concurrency` slots. */
  holding(concurrency: number): number;
  readonly size: number;
  /** Apps that hang: all they have out has been so for long. They have no part in what is shared. */
  readonly hanging: number;
  /** When the next one will have been out for long; infinite for none. */
  next(): number;
}

/** Twice what an app should take, and well under what one that hangs does. */
const LONG_MS = 1_000;
/** Who hangs is counted anew this often. */
const COUNTED_MS = 100;

export function createFlights(): Flights {
  const young = new LinkedList<Flight>();
  const old = new LinkedList<Flight>();
  let hanging = 0;
  let countedAt = Number.NEGATIVE_INFINITY;
  const countHanging = (): number => {
    const aged = new Map<AppState, number>();
    for (const { state } of old) aged.set(state.app, (aged.get(state.app) ?? 0) + 1);
    let apps = 0;
    for (const [app, n] of aged) if (n === app.active) apps++;
    return apps;
  };
  return {
    all: {
      *[Symbol.iterator]() {
        yield* old;
        yield* young;
      },
    },
    add: (flight) => young.push(flight),
    delete: (flight) => flight.leave(),
    age(now) {
      for (let flight = young.first; flight !== null && now - flight.value.since >= LONG_MS; flight = young.first) {
        old.add(flight);
      }
      if (old.size === 0) hanging = 0;
      else if (now - countedAt >= COUNTED_MS) {
        countedAt = now;
        hanging = countHanging();
      }
    },
    holding: (concurrency) => young.size + Math.max(0, old.size - concurrency),
    get hanging() {
      return hanging;
    },
    get size() {
      return young.size + old.size;
    },
    next: () => (young.first === null ? Number.POSITIVE_INFINITY : young.first.value.since + LONG_MS),
  };
}
