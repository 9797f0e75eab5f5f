import type { Worth } from "./exchange.ts";
import type { RawHeaders } from "./headers.ts";
import type { Reason } from "./outcome.ts";
import type { PageRequest } from "./stored.ts";

/**
 * The words of the asynchronous path: a job is one request that was accepted, and that is to reach its app or end in
 * the dead-letter queue. Times are Unix milliseconds, for people and other machines; what is compared inside a spool
 * is its own time, which no change of the clock sets back.
 */

/**
 * `leased`: somebody is sending it. `verifying`: it had a good answer, and its app is asked whether it was done. `parked` is no state: it
 * belongs to the route, and is computed.
 */
export const JOB_STATES = ["queued", "leased", "verifying", "delivered", "dead", "cancelled"] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Why a job is in the dead-letter queue. */
export const DEAD_REASONS = [
  "permanent_status",
  "attempts_exhausted",
  "expired",
  "gone",
  "invalid_response",
  "verification_failed",
  "cancelled",
] as const;
export type DeadReason = (typeof DEAD_REASONS)[number];

/** Names a route in the spool: also one that no manifest has any more. */
export interface RouteName {
  readonly app: string;
  readonly capability: string;
}

/**
 * The app of jobs that are the sidecar's own, such as notifications: no manifest can name it, its jobs take no slot of
 * an app's, and those who ask about deliveries are not shown them.
 */
export const OWN_APP = "#outrigger";

/** The request as it came, less its body: what is sent is built anew for each try, under the manifest of its time. */
export interface StoredRequest {
  readonly method: string;
  /** The unmatched rest of the path and `?query`, raw. */
  readonly rest: string;
  /** The caller's path as received, without the query. */
  readonly target: string;
  readonly host: string;
  /** `1.0` or `1.1`. */
  readonly httpVersion: string;
  /** Address of the caller; empty for a unix socket. */
  readonly peer: string;
  readonly secure: boolean;
  /** As received. */
  readonly headers: RawHeaders;
}

/** One send, as kept with its job. */
export interface TryRecord {
  /** 0 for the first send of the request, counting every send. */
  readonly n: number;
  readonly at: number;
  readonly upstream: string;
  readonly worth: Worth;
  readonly reason: Reason | null;
  /** 0 where no answer came. */
  readonly status: number;
  readonly durationMs: number;
  readonly detail: string | null;
  /** Of the answer; left out of a good one. */
  readonly headers?: RawHeaders;
  /** The first {@link KEPT_ANSWER_BYTES} of the answer's body in base64, and how long it was. */
  readonly body?: string;
  readonly bodyBytes?: number;
}

/** Of an answer that was not good this much is kept. */
export const KEPT_ANSWER_BYTES = 16 * 1024;

/** What everybody may know of a job: no payload, no header. */
export interface JobSummary extends RouteName {
  readonly id: string;
  readonly state: JobState;
  /** Null unless dead or cancelled. */
  readonly reason: DeadReason | null;
  /** One clause for people, with the reason. */
  readonly detail: string | null;
  /** X-Request-ID of the request. */
  readonly requestId: string;
  /** When it was accepted. */
  readonly at: number;
  /** When it ended; null while it has not. */
  readonly endedAt: number | null;
  /** When it is sent next, or its app asked; null unless queued or verifying. */
  readonly dueAt: number | null;
  readonly expiresAt: number;
  /** Tries that count against `retry.attempts`, since it was queued or last retried by an operator. */
  readonly attempts: number;
  /** Every send, of the synchronous call before it too. */
  readonly sends: number;
  readonly origin: JobOrigin;
  /** Bytes of the body. */
  readonly size: number;
}

/**
 * `fallback`: a synchronous call left it behind. `import`: an operator brought it. `sync`: no job, but what is to be
 * verified of a call that has its answer; it has no payload, is sent to nobody, and is gone with its end.
 */
export type JobOrigin = "async" | "fallback" | "import" | "sync";

/** What is asked, and of whom, to learn whether an app has done what it said: kept with the job, for a restart. */
export interface Poll {
  /** Filled in; `GET` of it below the upstream's own path. */
  readonly path: string;
  /** The upstream that gave the good answer: no other one knows of it. */
  readonly upstream: string;
  readonly url: string;
  /** Of that answer. */
  readonly status: number;
  /** When the good answer came. */
  readonly since: number;
  /** May the job be sent again, should it turn out not to be done? */
  readonly repeatable: boolean;
  /** How often it was asked. */
  readonly polls: number;
  /** What it said last, in one clause for people; null before that. */
  readonly last: string | null;
}

/** The whole of it. */
export interface StoredJob extends JobSummary {
  /** Null once it lost its payload to make room. */
  readonly request: StoredRequest | null;
  readonly body: Uint8Array | null;
  readonly orderKey: string | null;
  readonly inDoubt: boolean;
  readonly tries: readonly TryRecord[];
  /** Set while it is verifying. */
  readonly poll: (Poll & { readonly until: number }) | null;
}

/** Which jobs. What is left out does not matter. */
export interface JobFilter {
  /** Any of these. */
  readonly states?: readonly JobState[];
  readonly app?: string;
  readonly capability?: string;
  readonly reason?: DeadReason;
  readonly requestId?: string;
  /** Accepted (for the dead: dead) at this time or later … */
  readonly since?: number;
  /** … and before this one. */
  readonly until?: number;
}

/** Newest first. A part may hold fewer than `limit` though there are more: `next` alone says where the end is. */
export interface JobQuery extends PageRequest {
  readonly filter: JobFilter;
}

/** Why a route's jobs wait although they are due. */
export type ParkCause = "paused" | "gone" | "breaker_open" | "no_route";
