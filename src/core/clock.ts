/**
 * Time and timers as an argument. Everything that waits or compares times takes a `Clock`, so that a test
 * moves time by hand; this file is the only one that reads the machine's clocks.
 */

/** A running timer, good only for {@link Clock.cancel} of the clock that gave it. */
export type Timer = { readonly [timerBrand]?: never } & object;
declare const timerBrand: unique symbol;

export interface Clock {
  /** Monotonic time in milliseconds, with fractions. Never compare it across processes. */
  now(): number;
  /** Unix time in whole milliseconds. Only for what people, other machines or files read. */
  wall(): number;
  /** Calls `fn(arg)` once after `ms` (clamped to 0 … 2^31-1). The argument spares a closure on the request path. */
  after<T>(ms: number, fn: (arg: T) => void, arg: T): Timer;
  cancel(timer: Timer): void;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  // Node rounds a delay down to whole milliseconds and may fire up to one early; a deadline must not fire early.
  after: (ms, fn, arg) => setTimeout(fn, Math.min(Math.max(Math.ceil(ms), 0), MAX_TIMER_MS), arg),
  cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/**
 * Runs `fn` a millisecond or so from now, on whatever clock the rest runs: for work that is cheaper when it is joined
 * with what comes meanwhile, and that nobody waits for.
 */
export function shortly(fn: () => void): void {
  setTimeout(fn, 1);
}

/** Processor time of this thread so far, in milliseconds with fractions: what work cost, however busy the machine. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Resolves after `ms` on `clock`. For edges and background work; the request path uses `after` and `cancel`. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve, undefined);
  });
}
