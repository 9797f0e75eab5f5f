import type { HealthStatus, MoveReason, ProbeReport, Standing } from "./health.ts";

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

/** What good answers proved to be. */
export interface Verified {
  readonly verified: number;
  readonly failed: number;
  readonly unverified: number;
}

/** Of one route, in one hour. */
export interface VerificationCount extends Verified {
  /** Hours since 1970. */
  readonly hour: number;
  readonly app: string;
  readonly capability: string;
}

/** Of one route, lately. */
export interface VerificationRates {
  readonly app: string;
  readonly capability: string;
  readonly windows: Readonly<Record<"1h" | "24h" | "7d", Verified>>;
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

/** Names one upstream of an app through reloads and restarts: the same name at another URL is another upstream. */
export interface UpstreamId {
  readonly app: string;
  readonly upstream: string;
  readonly url: string;
}

/** One string per upstream of an app. Neither names nor URLs hold a space. */
export function upstreamKey(id: UpstreamId): string {
  return `${id.app} ${id.upstream} ${id.url}`;
}

/** How one upstream was when it was last written down: at each transition, and now and then between. */
export interface StoredHealth extends UpstreamId {
  readonly standing: Standing;
  /** When it began to stand so. */
  readonly since: number;
  /** Why it is not serving; null where it is. */
  readonly cause: MoveReason | null;
  readonly status: HealthStatus;
  /** Of probes and live traffic. */
  readonly consecutiveFailures: number;
  /** How long it must next be well before it returns: doubled by each flap. */
  readonly holdMs: number;
  /** When it last came back; null if never. */
  readonly returnedAt: number | null;
  /** The newest probe; null where there was none. */
  readonly probe: (ProbeReport & { readonly at: number }) | null;
  readonly savedAt: number;
}

/** An app whose traffic an operator pinned to one upstream. */
export interface StoredPin {
  readonly app: string;
  readonly upstream: string;
  readonly by: string;
  readonly at: number;
}

/** Traffic of an app moved. */
export interface NewMove {
  readonly app: string;
  readonly kind: "failover" | "failback";
  /** Names of upstreams; null where there was or is none that is well. */
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: MoveReason;
  /** The operator, where one did it. */
  readonly by: string | null;
  readonly at: number;
  /** From the first sign of trouble to the move; of a failback, how long it was away. */
  readonly durationMs: number;
}

export interface StoredMove extends NewMove {
  readonly id: number;
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
