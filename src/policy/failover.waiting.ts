import { createNormal, type Normal } from "./failover.normal.ts";

/**
 * The synchronous requests of one route that wait for an answer of one upstream, the oldest first, and what is normal
 * there. A route that is slow by nature has a limit of its own, so it neither raises an alarm nor hides that another
 * route hangs.
 */
export interface Waiting {
  normal: Normal;
  windowMs: number;
  /** As of {@link limitedAt}: after how many milliseconds without an answer the upstream is suspected. */
  limitMs: number;
  limitedAt: number;
  first: Place | null;
  last: Place | null;
}

/** One of them: a link of the list. */
export interface Place {
  readonly waiting: Waiting;
  /** `Clock.now()` when it was sent; infinite while it waits for a slot. */
  sentAt: number;
  /** Who waits. */
  readonly request: Movable;
  /** False where it may not be sent twice. */
  movable: boolean;
  previous: Place | null;
  next: Place | null;
  listed: boolean;
}

/** A request, as far as this cares: whoever waits in it for the upstream hears of it here. */
export interface Movable {
  onMove: (() => void) | null;
}

export function createWaiting(windowMs: number, now: number): Waiting {
  return {
    normal: createNormal(windowMs, now),
    windowMs,
    limitMs: 0,
    limitedAt: Number.NEGATIVE_INFINITY,
    first: null,
    last: null,
  };
}

/** The window was set anew: what is normal is to be learnt again. */
export function forgetNormal(waiting: Waiting, windowMs: number, now: number): Waiting {
  waiting.windowMs = windowMs;
  waiting.normal = createNormal(windowMs, now);
  return waiting;
}

/** Adds a request at the end. `leave` takes it out again. */
export function enter(waiting: Waiting, request: Movable, sentAt: number, movable: boolean): Place {
  const place: Place = { waiting, sentAt, request, movable, previous: waiting.last, next: null, listed: true };
  if (waiting.last === null) waiting.first = place;
  else waiting.last.next = place;
  waiting.last = place;
  return place;
}

/** Twice is safe. */
export function leave(place: Place): void {
  if (!place.listed) return;
  const { waiting, previous, next } = place;
  place.listed = false;
  if (previous === null) waiting.first = next;
  else previous.next = next;
  if (next === null) waiting.last = previous;
  else next.previous = previous;
  place.previous = null;
  place.next = null;
}

/** When the oldest that was sent was sent; infinite for none. Slots are given in order, so the first is the oldest. */
export function oldestAt({ first }: Waiting): number {
  return first === null ? Number.POSITIVE_INFINITY : first.sentAt;
}

const LIMIT_KEPT_MS = 1_000;

/**
 * Brings the limit up to date: twice what is normal for the route, looked up at most once a second; where that is not
 * known yet, half of the time that a try has, which may be many seconds and so holds no longer than it must.
 */
export function limitOf(waiting: Waiting, hangAfterMs: number, tryMs: number, now: number): number {
  if (now - waiting.limitedAt >= LIMIT_KEPT_MS) {
    const p99 = waiting.normal.p99(now);
    waiting.limitMs = Math.max(hangAfterMs, p99 === null ? tryMs / 2 : 2 * p99);
    waiting.limitedAt = p99 === null ? Number.NEGATIVE_INFINITY : now;
  }
  return waiting.limitMs;
}
