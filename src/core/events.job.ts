import type { DeadReason, JobOrigin, ParkCause } from "./job.ts";
import type { Reason } from "./outcome.ts";

/** Facts about stored jobs and the routes they wait for: part of the closed list in events.ts. */

/** What the events about one job share. */
interface AboutJob {
  readonly at: number;
  readonly app: string;
  readonly capability: string;
  /** The delivery's id. */
  readonly id: string;
  /** X-Request-ID. */
  readonly requestId: string;
}

export interface DeliveryQueued extends AboutJob {
  readonly type: "delivery.queued";
  readonly origin: JobOrigin;
}

export interface DeliveryDelivered extends AboutJob {
  readonly type: "delivery.delivered";
  readonly upstream: string;
  readonly status: number;
  /** Every send, this one included. */
  readonly sends: number;
  /** From the acceptance to the app's good answer, or until that was verified. */
  readonly lagMs: number;
}

export interface DeliveryRetry extends AboutJob {
  readonly type: "delivery.retry";
  /** Why this one did not succeed … */
  readonly reason: Reason | "verification_failed";
  readonly status: number;
  /** … and how many counted tries were made so far. */
  readonly attempts: number;
  readonly delayMs: number;
}

export interface DlqAdded extends AboutJob {
  readonly type: "dlq.added";
  readonly reason: DeadReason;
  readonly detail: string | null;
  readonly sends: number;
}

/** An app gave a good answer and had not done it, or it could not be asked. */
export interface VerificationFailed extends AboutJob {
  readonly type: "verification.failed";
  /** `sync`: its caller has its answer, so nothing but this follows. */
  readonly origin: JobOrigin;
  /** The one that gave the answer. */
  readonly upstream: string;
  /** `unverified`: it was never learnt. */
  readonly result: "failed" | "unverified";
  readonly detail: string;
  /** How often it was asked. */
  readonly polls: number;
}

export interface DlqRetried extends AboutJob {
  readonly type: "dlq.retried";
  /** The operator's token. */
  readonly by: string;
}

/** The jobs of a route wait, or go on. */
export interface RouteParked {
  readonly type: "route.parked" | "route.resumed";
  readonly at: number;
  readonly app: string;
  /** Null: every route of the app. */
  readonly capability: string | null;
  readonly cause: ParkCause;
  /** The operator, where one did it. */
  readonly by?: string;
}

/** The spool takes no more, or soon will not; or there is room again. */
export interface SpoolFull {
  readonly type: "spool.full";
  readonly at: number;
  readonly level: "80 percent" | "full" | "room again";
  /** Which bound. */
  readonly bound: "jobs" | "bytes";
  readonly jobs: number;
  readonly maxJobs: number;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly dead: number;
}
