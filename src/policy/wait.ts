import type { Clock } from "../core/clock.ts";
import type { Exchange } from "../core/exchange.ts";

/** Waits `ms` for a backoff. False when the caller went away meanwhile: then there is nobody to answer. */
export function backOff(clock: Clock, x: Exchange, ms: number): Promise<boolean> {
  if (x.gone) return Promise.resolve(false);
  const from = clock.now();
  return new Promise((resolve) => {
    const end = (): void => {
      clock.cancel(timer);
      if (x.onGone === end) x.onGone = null;
      x.waitedMs += clock.now() - from;
      resolve(!x.gone);
    };
    const timer = clock.after(ms, end, undefined);
    x.onGone = end;
  });
}
