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
  let patient = true;
  let late: () => void = () => undefined;

  const inTime = (answer: ReturnType<Gather>): ReturnType<Gather> =>
    new Promise((resolve) => {
      const limit = patient ? clock.after(ANSWER_MS, () => late(), undefined) : null;
      const settle = (found: Awaited<typeof answer>): void => {
        if (limit !== null) clock.cancel(limit);
        resolve(found);
      };
      late = () => {
        patient = false;
        settle(null);
      };
      void answer.then(settle);
      // What comes after one that was late would only be as late again; what need not wait is there in this turn.
      if (!patient) setImmediate(late);
    });
  return {
    async all(rules, gather) {
      patient = true;
      const readings = new Map<string, readonly Reading[] | null>();
      for (const rule of rules) readings.set(rule.name, await inTime(gather(rule)));
      late = () => undefined;
      return readings;
    },
    giveUp: () => late(),
  };
}
