import type { Clock } from "../core/clock.ts";

/** The answer, or a rejection once `ms` have gone by without one. */
export function answered<T>(answer: Promise<T>, clock: Clock, ms: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = (): void => reject(new Error(`no answer within ${ms} ms`));
    const timer = clock.after(ms, late, undefined);
    answer.then(resolve, reject).finally(() => clock.cancel(timer));
  });
}
