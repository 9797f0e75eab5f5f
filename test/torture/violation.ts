import type { Visit } from "./facts.ts";

/** One promise that was broken, with what shows it. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly evidence: string;
  /** Of the job, where it is about one that is missing. */
  readonly id?: string;
}

export type ViolationKind =
  /** Acknowledged, and neither answered well by the app nor dead. */
  | "lost"
  /** Answered well twice, without a kill or an outage in which the first could have been forgotten. */
  | "duplicate"
  /** An earlier one of the same key came after a later one. */
  | "order"
  /** Two of one key at the app at the same time. */
  | "overlap"
  /** In the dead-letter queue without a cause, or not there though the app refused it. */
  | "dead"
  /** Another body, number or route than was acknowledged; an id given twice. */
  | "mixed"
  /** What the harness saw of the process itself: no start, an end of its own, no recovery, no drain. */
  | "process"
  /** An answer to a client that is neither 202 nor 503. */
  | "answer"
  /** Too few requests or kills: the run shows nothing. */
  | "load";

/** What the app saw of one job, for people. */
export function history(visits: readonly Visit[]): string {
  if (visits.length === 0) return "the app never saw it";
  const byArrival = visits.toSorted((a, b) => a.arrivedAt - b.arrivedAt);
  const shown = byArrival.slice(0, 12).map(({ life, attempt, end, arrivedAt }) => {
    return `${end} at ${(arrivedAt / 1000).toFixed(3)} s (life ${life}, try ${attempt})`;
  });
  return `${shown.join(", ")}${visits.length > shown.length ? `, ${visits.length - shown.length} more` : ""}`;
}
