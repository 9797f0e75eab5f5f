/**
 * Rows that the services write and the storage thread keeps: plain data, so that neither folder knows the other.
 * Times are Unix milliseconds, since they are read by another process at another time.
 */

/** Names one breaker through reloads and restarts: one per route and upstream. */
export interface BreakerId {
  readonly app: string;
  readonly capability: string;
  /** The upstream's name … */
  readonly upstream: string;
  /** … and its URL: the same name on another machine is another upstream. */
  readonly url: string;
}

export interface StoredBreaker extends BreakerId {
  readonly state: "closed" | "open" | "half_open";
  readonly since: number;
  /** When the next trial may start; null unless open. */
  readonly until: number | null;
  /** How often it reopened without closing: the wait doubles with each. */
  readonly reopenings: number;
  readonly consecutiveFailures: number;
  readonly savedAt: number;
}

/** One string per breaker. Neither names nor URLs hold a space. */
export function breakerKey(id: BreakerId): string {
  return `${id.app}/${id.capability} ${id.upstream} ${id.url}`;
}

/** A manifest that was applied. */
export interface NewRevision {
  readonly hash: string;
  readonly at: number;
  /** `start`, `signal`, `file`, or the name of an operator's token. */
  readonly by: string;
  /** The files it was read from. */
  readonly files: number;
  /** Their bytes in all. */
  readonly bytes: number;
  /** As JSON, secrets masked. */
  readonly manifest: string;
}

export interface StoredRevision extends Omit<NewRevision, "manifest"> {
  readonly revision: number;
}

/** Who changed what. */
export interface NewAudit {
  readonly at: number;
  /** The name of the operator's token, or what else acted. */
  readonly by: string;
  /** As in `breaker.reset`. */
  readonly action: string;
  /** As in `quiz/winner_selection`. */
  readonly target: string;
  /** One line for people, without secrets or payload. */
  readonly detail: string;
}

export interface StoredAudit extends NewAudit {
  readonly id: number;
}

/** Part of a list, newest first: `cursor` is the `next` of the part before, null at the start. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor: number | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** null at the end. */
  readonly next: number | null;
}

/** The jobs of a route, or with null those of a whole app, wait for an operator. */
export interface StoredPause {
  readonly app: string;
  readonly capability: string | null;
  readonly cause: "paused" | "gone";
  /** The operator's token; null where nobody did it. */
  readonly by: string | null;
  readonly at: number;
}
