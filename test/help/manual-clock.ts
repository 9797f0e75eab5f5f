import type { Clock, Timer } from "../../src/core/clock.ts";

/** A clock that stands still until `advance`. */
export interface ManualClock extends Clock {
  /** Moves both clocks on by `ms` and fires what falls due on the way, in order, each at its own time. */
  advance(ms: number): void;
  /** Moves only the wall clock, as an operator or NTP would. */
  setWall(unixMs: number): void;
  /** Timers that have neither fired nor been cancelled. */
  pending(): number;
}

interface Entry {
  readonly at: number;
  readonly fire: () => void;
}

/** Starts at monotonic 0 and the given Unix time. */
export function createManualClock(wallStart = 1_700_000_000_000): ManualClock {
  let now = 0;
  let wallOffset = wallStart;
  let entries: Entry[] = [];

  const nextDue = (until: number): Entry | undefined => {
    let first: Entry | undefined;
    for (const entry of entries) if (entry.at <= until && (!first || entry.at < first.at)) first = entry;
    return first;
  };

  return {
    now: () => now,
    wall: () => Math.floor(wallOffset + now),
    after(ms, fn, arg) {
      const entry: Entry = { at: now + Math.max(ms, 0), fire: () => fn(arg) };
      entries.push(entry);
      return entry as unknown as Timer;
    },
    cancel(timer) {
      entries = entries.filter((entry) => entry !== (timer as unknown as Entry));
    },
    advance(ms) {
      const until = now + ms;
      for (let due = nextDue(until); due; due = nextDue(until)) {
        const entry = due;
        entries = entries.filter((other) => other !== entry);
        now = Math.max(now, entry.at);
        entry.fire();
      }
      now = until;
    },
    setWall(unixMs) {
      wallOffset = unixMs - now;
    },
    pending: () => entries.length,
  };
}
