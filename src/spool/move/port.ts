import type { DeadReason, JobOrigin, JobState, Poll, RouteName, StoredRequest, TryRecord } from "../../core/job.ts";
import type { StoredAnswer } from "../port.ts";

/**
 * How all that a store holds goes into another one, while nobody else uses either. Times are spans from now, since each
 * store has a time of its own. What comes twice, as after a move that was cut off, stays as it came first.
 */
export interface Movable {
  /** All jobs in the order of their arrival, in parts: `after` is 0, or the `next` of the part before. */
  giveJobs(after: number): Promise<Part<MovedJob>>;
  takeJobs(jobs: readonly MovedJob[]): Promise<void>;
  giveKeys(after: number): Promise<Part<MovedKey>>;
  takeKeys(keys: readonly MovedKey[]): Promise<void>;
  giveAnswers(after: number): Promise<Part<MovedAnswer>>;
  takeAnswers(answers: readonly MovedAnswer[]): Promise<void>;
  /** One step of letting go of everything; false when nothing is left. */
  empty(): Promise<boolean>;
}

export interface Part<T> {
  readonly items: readonly T[];
  /** Null at the end. */
  readonly next: number | null;
}

/** A job with all that its store knows of it. One that was leased waits, in doubt. */
export interface MovedJob extends RouteName {
  readonly id: string;
  readonly state: Exclude<JobState, "leased">;
  readonly reason: DeadReason | null;
  readonly detail: string | null;
  readonly requestId: string;
  /** Unix milliseconds, for people. */
  readonly at: number;
  readonly origin: JobOrigin;
  readonly size: number;
  readonly attempts: number;
  readonly sends: number;
  readonly inDoubt: boolean;
  readonly orderKey: string | null;
  /** Should it grow too old, the next of its order key waits … */
  readonly blocks: boolean;
  /** … as it does now for this one, which is dead. */
  readonly blocking: boolean;
  readonly ageMs: number;
  readonly maxAgeMs: number;
  readonly expiresInMs: number;
  readonly dueInMs: number;
  /** How long ago; null where it has not ended. */
  readonly endedMs: number | null;
  /** Null once the payload is gone, and of a call that is only verified. */
  readonly payload: { readonly request: StoredRequest; readonly body: Uint8Array } | null;
  readonly tries: readonly TryRecord[];
  readonly poll: { readonly poll: Poll; readonly leftMs: number } | null;
}

/** A key of idempotency and the job that it made. */
export interface MovedKey extends RouteName {
  readonly hash: string;
  readonly bodyHash: string;
  readonly id: string;
  readonly leftMs: number;
}

/** An answer of a synchronous route. */
export interface MovedAnswer extends RouteName {
  readonly hash: string;
  readonly leftMs: number;
  readonly answer: StoredAnswer;
}
