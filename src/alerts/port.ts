import type { AlertRule, AlertSubject } from "../core/alert.ts";

/** What alerts ask of the other services: the one thing they must be told. */

/** What was measured of one subject of a rule. */
export interface Reading extends AlertSubject {
  /** In the unit of the metric; null where there is nothing to measure. */
  readonly value: number | null;
  /** How many single results it is made of; of a metric that is of none, 0. */
  readonly samples: number;
  /** Since when it has been so, where that is known for certain; Unix milliseconds. */
  readonly since: number | null;
  /** What people should know beside it, as in `most of quiz/report: 240`. */
  readonly note: string | null;
}

/**
 * Every subject of the rule, one reading each, also those that are well: an alert about a subject that is not among
 * them is about something that is gone. null where the source does not answer: then nothing is known.
 */
export type Gather = (rule: AlertRule, now: number) => Promise<readonly Reading[] | null>;
