import type { Clock, Timer } from "../core/clock.ts";
import { type Link, LinkedList } from "../core/linked.ts";

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
  const waiting = new LinkedList<Waiting<T>>();
  let timer: Timer | null = null;

  const wait = (until: number): void => {
    timer = clock.after(until - clock.now(), onTime, undefined);
  };
  const onTime = (): void => {
    timer = null;
    const now = clock.now();
    for (let one = waiting.first; one !== null; one = waiting.first) {
      if (one.value.until > now) return wait(one.value.until);
      waiting.delete(one);
      one.value.resolve(null);
    }
  };
  const end = (one: Link<Waiting<T>>, value: T | null): void => {
    if (!waiting.delete(one)) return;
    one.value.resolve(value);
    if (waiting.size > 0 || timer === null) return;
    clock.cancel(timer);
    timer = null;
  };
  return (arg) =>
    new Promise((resolve) => {
      const until = clock.now() + ms;
      const one = waiting.push({ until, resolve });
      if (timer === null) wait(until);
      ask(arg).then(
        (value) => end(one, value),
        () => end(one, null),
      );
    });
}
