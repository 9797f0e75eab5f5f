import { type Clock, systemClock, type Timer } from "../../src/core/clock.ts";

/** The machine's clock, counting the timers that have neither fired nor been cancelled. */
export interface CountingClock extends Clock {
  readonly pending: number;
}

export function createCountingClock(): CountingClock {
  const running = new Set<Timer>();
  return {
    get pending() {
      return running.size;
    },
    now: systemClock.now,
    wall: systemClock.wall,
    after(ms, fn, arg) {
      const timer = systemClock.after(
        ms,
        () => {
          running.delete(timer);
          fn(arg);
        },
        undefined,
      );
      running.add(timer);
      return timer;
    },
    cancel(timer) {
      running.delete(timer);
      systemClock.cancel(timer);
    },
  };
}
