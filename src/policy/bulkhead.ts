import type { Clock, Timer } from "../core/clock.ts";

/** The slots of one upstream and the bounded queue before them, so that one slow app cannot take all there is. */

interface BulkheadSettings {
  /** Calls at once. */
  readonly max: number;
  /** How many more may wait, in each lane. */
  readonly queue: number;
}

/** Synchronous callers stand in a lane of their own and go first: somebody waits at the other end. */
export type Lane = "sync" | "async";

/** How a wait ended. Only after `entered` is a slot held, to be given back by `leave`. */
export type Entry = "entered" | "full" | "timeout" | "gone" | "moved";

/** Who waits: an exchange, as far as the queue cares. */
export interface Waiter {
  readonly gone: boolean;
  onGone: (() => void) | null;
  /** The upstream hangs: what it waits for will not come. */
  onMove: (() => void) | null;
}

export interface Bulkhead {
  /** Takes a slot if one is free. The common case: no promise, no queue. */
  tryEnter(): boolean;
  /** Waits for a slot, at most `timeoutMs`, and no longer than the caller. Sets and clears `onGone`, `onMove`. */
  wait(waiter: Waiter, timeoutMs: number, clock: Clock, lane?: Lane): Promise<Entry>;
  /** Gives a slot back: exactly once for each one taken. */
  leave(): void;
  /** New settings at once. Who is inside or waits stays, even where fewer are allowed now. */
  configure(settings: BulkheadSettings): void;
  readonly inUse: number;
  readonly waiting: number;
}

export function createBulkhead(settings: BulkheadSettings): Bulkhead {
  let { max, queue } = settings;
  let inUse = 0;
  const lanes: Readonly<Record<Lane, Line>> = { sync: new Line(), async: new Line() };

  const admitWaiting = (): void => {
    while (inUse < max) {
      const next = lanes.sync.first ?? lanes.async.first;
      if (next === null) return;
      inUse++;
      next.end("entered");
    }
  };

  const tryEnter = (): boolean => {
    // A free slot means that nobody waits: whoever frees one hands it on.
    if (inUse >= max) return false;
    inUse++;
    return true;
  };

  return {
    tryEnter,
    wait(waiter, timeoutMs, clock, lane = "sync") {
      if (waiter.gone) return Promise.resolve("gone");
      if (tryEnter()) return Promise.resolve("entered");
      const line = lanes[lane];
      if (line.length >= queue) return Promise.resolve("full");
      if (timeoutMs <= 0) return Promise.resolve("timeout");
      return new Promise((resolve) => {
        line.push(new Place(line, waiter, clock, timeoutMs, resolve));
      });
    },
    leave() {
      if (inUse === 0) return;
      inUse--;
      admitWaiting();
    },
    configure(next) {
      ({ max, queue } = next);
      admitWaiting();
    },
    get inUse() {
      return inUse;
    },
    get waiting() {
      return lanes.sync.length + lanes.async.length;
    },
  };
}

/** One who waits: a link of its line, so that leaving it from the middle costs the same however long it is. */
class Place {
  previous: Place | null = null;
  next: Place | null = null;
  readonly #line: Line;
  readonly #waiter: Waiter;
  readonly #clock: Clock;
  readonly #timer: Timer;
  readonly #resolve: (entry: Entry) => void;

  constructor(line: Line, waiter: Waiter, clock: Clock, timeoutMs: number, resolve: (entry: Entry) => void) {
    this.#line = line;
    this.#waiter = waiter;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#timer = clock.after(timeoutMs, Place.#late, this as Place);
    waiter.onGone = this.#onGone;
    waiter.onMove = this.#onMove;
  }

  static #late(place: Place): void {
    place.end("timeout");
  }

  readonly #onGone = (): void => this.end("gone");
  readonly #onMove = (): void => this.end("moved");

  end(entry: Entry): void {
    this.#line.remove(this);
    this.#clock.cancel(this.#timer);
    if (this.#waiter.onGone === this.#onGone) this.#waiter.onGone = null;
    if (this.#waiter.onMove === this.#onMove) this.#waiter.onMove = null;
    this.#resolve(entry);
  }
}

/** A doubly linked list in order of arrival. */
class Line {
  first: Place | null = null;
  length = 0;
  #last: Place | null = null;

  push(place: Place): void {
    place.previous = this.#last;
    if (this.#last === null) this.first = place;
    else this.#last.next = place;
    this.#last = place;
    this.length++;
  }

  remove(place: Place): void {
    if (place.previous === null) this.first = place.next;
    else place.previous.next = place.next;
    if (place.next === null) this.#last = place.previous;
    else place.next.previous = place.previous;
    place.previous = null;
    place.next = null;
    this.length--;
  }
}
