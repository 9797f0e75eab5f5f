import type {
  DeadReason,
  JobOrigin,
  JobQuery,
  JobState,
  JobSummary,
  Poll,
  RouteName,
  StoredJob,
  StoredRequest,
  TryRecord,
} from "../core/job.ts";
import type { Page } from "../core/stored.ts";

/**
 * What the asynchronous path asks of a store, whichever it is. Every promise rejects where the store cannot do it (a
 * full disk, a thread or a server that is away): then it may or may not have been done, and every verb may be asked
 * again. Times that go in are spans in milliseconds: a store has a time of its own, which no change of the clock sets
 * back.
 */
export interface Spool {
  /** Resolves once the job would survive the death of the process and, with `durability: full`, of the machine. */
  put(job: NewJob): Promise<Receipt>;
  /** Leases due jobs of one lane of one route, the longest due first. Of equal order keys one at a time. */
  claim(want: Claim): Promise<Claimed>;
  /**
   * Ends a lease. False where it is no longer this one: somebody else has the job, or it has ended. Nothing is changed
   * then, but for one that an operator cancelled under this very lease: what had been sent by then is kept with it.
   */
  settle(lease: Lease, settlement: Settlement): Promise<boolean>;
  /** Says which leases this worker has. Others that it once took are taken from it; their jobs are due at once, in doubt. */
  hold(leases: readonly Lease[]): Promise<void>;
  find(id: string): Promise<StoredJob | null>;
  list(query: JobQuery): Promise<Page<JobSummary>>;
  /** An operator's act on jobs by id. Returns those that it could be done to, as they were before. */
  change(act: Act, ids: readonly string[]): Promise<readonly JobSummary[]>;
  /** One small step of upkeep: expires what is too old wherever it waits, and lets go of what need not be kept. */
  sweep(): Promise<Swept>;
  /** What there is, from counts that are kept: costs the same however many jobs there are. */
  survey(): Promise<Survey>;
}

export interface NewJob extends RouteName {
  /** X-Request-ID; null: the job's own id, which the receipt tells. */
  readonly requestId: string | null;
  readonly request: StoredRequest;
  /** Copied before `put` returns. */
  readonly body: Uint8Array;
  readonly maxAgeMs: number;
  /** Jobs of one route with equal keys are delivered one at a time, in the order of their `put`. */
  readonly orderKey: string | null;
  /** `order_by.on_dead: block`, for where the store ends it: should it grow too old, the next of its key waits. */
  readonly blocks?: boolean;
  readonly key: IdempotencyKey | null;
  readonly origin: JobOrigin;
  /** Sends that a synchronous call made before, and what came of them. */
  readonly sends: number;
  readonly tries: readonly TryRecord[];
  readonly inDoubt: boolean;
  /** Unix milliseconds, for people. */
  readonly at: number;
  /** Set for one of origin `sync`: it is to be verified, and of its request nothing is kept. */
  readonly verify?: Verifying;
  /** Set for one that is put into the dead-letter queue at once, under the id it had (an import). */
  readonly dead?: { readonly id: string; readonly reason: DeadReason; readonly detail: string | null };
}

/** Asks whether it was done: first in `delayMs`, and for `forMs` in all. */
export interface Verifying {
  readonly poll: Poll;
  readonly delayMs: number;
  readonly forMs: number;
}

/** Both hashes as base64url text: the store compares, and knows neither keys nor bodies. */
export interface IdempotencyKey {
  /** Of the key and the caller's credentials. */
  readonly hash: string;
  readonly bodyHash: string;
  readonly ttlMs: number;
}

export type Receipt =
  | { readonly kind: "queued"; readonly id: string }
  /** The key is known with this body: the job it made, and nothing new. */
  | { readonly kind: "duplicate"; readonly id: string }
  /** The key is known with another body; or, of an import, the id is known. */
  | { readonly kind: "conflict" }
  /** `max_jobs` or `max_bytes` is reached. */
  | { readonly kind: "full"; readonly bound: "jobs" | "bytes" };

/** First tries and retries wait in lanes of their own, so that neither is in the other's way; and so do polls. */
export type JobLane = "first" | "retry";

export interface Claim extends RouteName {
  readonly lane: JobLane | "verify";
  readonly max: number;
  /** Of bodies; the first job comes whatever its size. */
  readonly maxBytes: number;
}

export interface Claimed {
  /** Of the lanes of jobs. */
  readonly jobs: readonly LeasedJob[];
  /** Of the lane `verify`. None of them is expired by the store: what was verified in time must not be lost. */
  readonly polls: readonly LeasedPoll[];
  /** There are more that are due. */
  readonly more: boolean;
  /** Until the next one of this lane is due, where none is now; null where none waits. */
  readonly nextInMs: number | null;
  /** Found too old, or without its payload after a file was damaged: now ended. */
  readonly expired: readonly JobSummary[];
}

/** `attempt` is the fence: a job taken from its worker and leased again bears another one. */
export interface Lease {
  readonly id: string;
  readonly attempt: number;
}

export interface LeasedJob extends LeasedRow {
  readonly request: StoredRequest;
  readonly body: Buffer;
}

/** A job whose app is to be asked now whether it was done. */
export interface LeasedPoll extends LeasedRow {
  readonly poll: Poll;
  /** Of the time it has for that; negative when it is over. */
  readonly leftMs: number;
}

interface LeasedRow extends RouteName {
  readonly lease: Lease;
  readonly requestId: string;
  readonly attempts: number;
  readonly sends: number;
  readonly inDoubt: boolean;
  readonly origin: JobOrigin;
  /** It has an order key: others may wait for its end. */
  readonly ordered: boolean;
  readonly at: number;
  /** How long it has been waiting since it was accepted, and until it expires. */
  readonly ageMs: number;
  readonly expiresInMs: number;
}

export type Settlement = {
  /** The sends of this lease, in order; none for one that is given back as it came. */
  readonly tries: readonly TryRecord[];
} & (
  | { readonly kind: "delivered" }
  /** Queued again: due in `delayMs`. `spent`: it counts against `retry.attempts`. */
  | { readonly kind: "again"; readonly delayMs: number; readonly spent: boolean; readonly inDoubt: boolean }
  /** A good answer, or one more poll that told nothing: the next one is due in `delayMs`. It holds its order key. */
  | {
      readonly kind: "verifying";
      readonly poll: Poll;
      readonly delayMs: number;
      /** In all; null: until when it was said before. */
      readonly forMs: number | null;
    }
  /** `release`: the next of its order key may go; else an operator has to act first. */
  | { readonly kind: "dead"; readonly reason: DeadReason; readonly detail: string | null; readonly release: boolean }
);

/**
 * `retry`: a dead or cancelled job is queued with a fresh budget; `resend`: a delivered or verifying one likewise;
 * `cancel`: one that has not ended ends; `delete`: a dead or cancelled one is gone, and so is its payload.
 */
export type Act = "retry" | "resend" | "cancel" | "delete";

export interface Swept {
  readonly expired: readonly JobSummary[];
  /** Were being verified, which nobody can do any more: as they were. Those that are jobs are among the expired, too. */
  readonly lapsed: readonly JobSummary[];
  /** There is more to do at once. */
  readonly more: boolean;
}

export interface RouteSurvey extends RouteName {
  /** Due or not, by lane; `behind`: waiting for an earlier one of the same order key. */
  readonly first: number;
  readonly retry: number;
  readonly behind: number;
  readonly leased: number;
  readonly verifying: number;
  readonly dead: Readonly<Partial<Record<DeadReason, number>>>;
}

export interface Survey {
  readonly states: Readonly<Record<JobState, number>>;
  readonly routes: readonly RouteSurvey[];
  /** Of the store's file, in use. */
  readonly bytes: number;
  /** Age of the oldest job that has not ended and is no own job of the sidecar; null where there is none. */
  readonly oldestAgeMs: number | null;
  /** The bounds, and whether one of them is reached. */
  readonly maxJobs: number;
  readonly maxBytes: number;
  readonly full: "jobs" | "bytes" | null;
}

/** Answers of synchronous routes, replayed to callers who repeat their key. */
export interface AnswerStore {
  /** Null where the key is unknown or too old. */
  recall(route: RouteName, hash: string): Promise<StoredAnswer | null>;
  remember(route: RouteName, key: IdempotencyKey, answer: AnswerToKeep): Promise<void>;
}

/** Where several replicas share their answers: a key that one of them works on is taken for all. */
export interface KeyClaims {
  /** A new name, unlike that of any other request of any replica. */
  owner(): string;
  /** Takes a key for `owner` for `ms`, unless it is taken or has its answer. The same again is safe. */
  claim(route: RouteName, key: IdempotencyKey, owner: string, ms: number): Promise<KeyClaim>;
  /** Lets go of a key without an answer, where it still is the owner's. */
  free(route: RouteName, key: IdempotencyKey, owner: string): Promise<void>;
}

export type KeyClaim =
  | { readonly kind: "mine" }
  /** Another request has it, with this body. */
  | { readonly kind: "running"; readonly bodyHash: string }
  | { readonly kind: "kept"; readonly answer: StoredAnswer };

/** What the first caller got, without Set-Cookie. */
export interface AnswerToKeep {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** The value of `Outrigger-Outcome`. */
  readonly outcome: string;
}

export interface StoredAnswer extends AnswerToKeep {
  readonly bodyHash: string;
}
