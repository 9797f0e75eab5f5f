import type { Clock, Timer } from "../core/clock.ts";

/** What `T` says, or null where it failed or did not come in time. */
export type Bounded<A, T> = (arg: A) => Promise<T | null>;

interface Waiting<T> {
  readonly until: number;
  readonly resolve: (value: T | null) => void;
}

/**
 * Bounds `ask` in time. Equal bounds end in the order in which they began, so one timer serves all that wait: one for
 * each would be a good part of what a request costs.
 */
export function inTime<A, T>(ask: (arg: A) => Promise<T>, ms: number, clock: Clock): Bounded<A, T> {
  const waiting = new Set<Waiting<T>>();
  let timer: Timer | null = null;

  const wait = (until: number): void => {
    timer = clock.after(until - clock.now(), onTime, undefined);
  };
  const onTime = (): void => {
    timer = null;
    const now = clock.now();
    for (const one of waiting) {
      if (one.until > now) return wait(one.until);
      waiting.delete(one);
      one.resolve(null);
    }
  };
  const end = (one: Waiting<T>, value: T | null): void => {
    if (!waiting.delete(one)) return;
    one.resolve(value);
    if (waiting.size > 0 || timer === null) return;
    clock.cancel(timer);
    timer = null;
  };
  return (arg) =>
    new Promise((resolve) => {
      const one = { until: clock.now() + ms, resolve };
      waiting.add(one);
      if (timer === null) wait(one.until);
      ask(arg).then(
        (value) => end(one, value),
        () => end(one, null),
      );
    });
}
