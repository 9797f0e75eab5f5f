import type { Normal } from "./failover.normal.ts";

/** The synchronous requests that wait for an answer of one upstream, the oldest first. */
export interface Waiting {
  /** Adds a request at the end. It is to be taken out exactly once, by `leave`. */
  enter(place: Place): void;
  leave(place: Place): void;
  /** The oldest that was sent; null for none. */
  oldest(): Place | null;
  /** Takes all out: they are no longer watched. */
  clear(): Place[];
  readonly size: number;
}

/** One of them. `previous` and `next` are the list's own. */
export interface Place {
  /** `Clock.now()` when it was sent; infinite while it waits for a slot. */
  sentAt: number;
  /** Its own time for this try. */
  readonly tryMs: number;
  /** Of its route on this upstream. */
  readonly normal: Normal;
  /** Ends the try, so that the request goes on to another upstream; null where it may not be sent twice. */
  move: (() => void) | null;
  previous: Place | null;
  next: Place | null;
  inList: boolean;
}

export function createWaiting(): Waiting {
  let first: Place | null = null;
  let last: Place | null = null;
  let size = 0;

  const leave = (place: Place): void => {
    if (!place.inList) return;
    place.inList = false;
    size--;
    if (place.previous === null) first = place.next;
    else place.previous.next = place.next;
    if (place.next === null) last = place.previous;
    else place.next.previous = place.previous;
    place.previous = null;
    place.next = null;
  };

  return {
    enter(place) {
      place.inList = true;
      place.previous = last;
      place.next = null;
      if (last === null) first = place;
      else last.next = place;
      last = place;
      size++;
    },
    leave,
    // Slots are given in order of arrival, so the first is the one that was sent first, if any was.
    oldest: () => (first !== null && first.sentAt < Number.POSITIVE_INFINITY ? first : null),
    clear() {
      const all: Place[] = [];
      for (let place = first; place !== null; place = first) {
        all.push(place);
        leave(place);
      }
      return all;
    },
    get size() {
      return size;
    },
  };
}

/**
 * How long the oldest request may stay unanswered before its upstream is suspected: twice what is normal for its
 * route; where that is not known yet, half of its own time.
 */
export function hangLimitMs(place: Place, hangAfterMs: number, now: number): number {
  const p99 = place.normal.p99(now);
  return Math.max(hangAfterMs, p99 === null ? place.tryMs / 2 : 2 * p99);
}
