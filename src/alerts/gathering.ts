import type { AlertRule } from "../core/alert.ts";
import type { Clock } from "../core/clock.ts";
import type { Gather, Reading } from "./port.ts";

/** By the name of the rule; null: its source did not answer. */
export type Readings = ReadonlyMap<string, readonly Reading[] | null>;

export interface Gathering {
  /** Never rejects. One rule after the other, so that many do not crowd the storage thread. */
  all(rules: readonly AlertRule[], gather: Gather): Promise<Readings>;
  /** Waits for no source any more. */
  giveUp(): void;
}

/** A source that takes longer does not answer. */
const ANSWER_MS = 10_000;

export function createGathering(clock: Clock): Gathering {
  let waitMs = 0;
  let late: () => void = () => undefined;

  const inTime = (answer: ReturnType<Gather>): ReturnType<Gather> =>
    new Promise((resolve) => {
      const settle = (found: Awaited<typeof answer>): void => {
        clock.cancel(limit);
        resolve(found);
      };
      late = () => {
        // What comes after would only be as late again; what needs no waiting is there before any timer.
        waitMs = 0;
        settle(null);
      };
      const limit = clock.after(waitMs, () => late(), undefined);
      void answer.then(settle);
    });
  return {
    async all(rules, gather) {
      waitMs = ANSWER_MS;
      const readings = new Map<string, readonly Reading[] | null>();
      for (const rule of rules) readings.set(rule.name, await inTime(gather(rule)));
      late = () => undefined;
      return readings;
    },
    giveUp: () => late(),
  };
}
