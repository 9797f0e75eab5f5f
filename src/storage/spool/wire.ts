import type { JobId } from "../../core/job.id.ts";
import type { JobFilter, JobSummary, Poll } from "../../core/job.ts";
import type { Act, AnswerToKeep, Claim, IdempotencyKey, LeasedPoll } from "../../spool/port.ts";

/**
 * What the two threads say to each other about jobs. Many jobs cross as one list of numbers, one of texts and one
 * block of bytes that is handed over, not copied: an object for each would cost more than its row. Texts are what few
 * jobs have: numbers say where they are in their list, -1 for none.
 */
export interface Packed {
  /** So many a job, in the order below. */
  readonly numbers: Float64Array;
  readonly texts: readonly string[];
  /** Of each job the request's head (JSON in UTF-8) and its body, one behind the other. */
  readonly bytes: Uint8Array;
}

export function isPacked(value: unknown): value is Packed {
  return typeof value === "object" && value !== null && "numbers" in value && "texts" in value && "bytes" in value;
}

/**
 * Numbers of a job that is put: seq, tail, at, now, maxAgeMs, sends, doubt, origin, head length, body length, dead
 * reason (-1: none), key ttl; and where these texts are: route, request id, order key, key hash, body hash, tries,
 * detail, and how it is verified ({@link PollText}).
 */
export const PUT_NUMBERS = 21;

/** Queued; or the job that the key had made; or why not. */
export type PutResult = 0 | JobId | "conflict" | "jobs" | "bytes";
/** Of each job; null: all are queued. */
export type PutReply = readonly PutResult[] | null;

/**
 * Numbers of a leased job: seq, tail, attempt, attempts, sends, doubt, origin, at, ageMs, expiresInMs, head length, body
 * length, ordered; and where its request id is.
 */
export const LEASED_NUMBERS = 14;

export interface ClaimCommand {
  readonly now: number;
  readonly wall: number;
  readonly route: string;
  readonly lane: Claim["lane"];
  readonly max: number;
  readonly maxBytes: number;
}

export interface ClaimReply {
  readonly jobs: Packed;
  /** Less the route, which the other side knows. */
  readonly polls: readonly Omit<LeasedPoll, "app" | "capability">[];
  readonly more: boolean;
  readonly nextInMs: number | null;
  readonly expired: readonly JobSummary[];
}

export type SettleCommand = Pick<Packed, "numbers" | "texts">;

/**
 * Numbers of one that is settled: now, seq, attempt, kind, how many tries, delayMs, spent, doubt, reason (-1: none),
 * release; and where these texts are: tries, detail; in the place of the latter, of one that is verified, its
 * {@link PollText}.
 */
export const SETTLE_NUMBERS = 12;
export const SETTLE_KINDS = ["delivered", "again", "dead", "verifying"] as const;

/** As JSON. The poll is kept as it is. */
export type PollText = readonly [delayMs: number, forMs: number | null, poll: Poll];

/** Of each: was the lease still this one? Null: all were. */
export type SettleReply = readonly boolean[] | null;

export interface SpoolBounds {
  readonly maxJobs: number;
  readonly maxBytes: number;
  readonly retainDeliveredMs: number;
  readonly retainDeadMs: number;
  readonly durability: "full" | "normal";
}

export interface OpenCommand {
  readonly wall: number;
  /** Of the process: leases of another one are nobody's. */
  readonly instance: string;
  /** Where the fences of this opening begin: another place each time. */
  readonly fence: number;
  readonly bounds: SpoolBounds;
}

export interface OpenReply {
  /** The spool's own time. */
  readonly now: number;
  /** The greatest seq there is. */
  readonly last: number;
}

export interface ListCommand {
  readonly now: number;
  readonly wall: number;
  readonly filter: JobFilter;
  readonly limit: number;
  readonly cursor: number | null;
}

export interface ChangeCommand {
  readonly now: number;
  readonly wall: number;
  readonly act: Act;
  readonly ids: readonly JobId[];
}

export interface RememberCommand {
  readonly now: number;
  readonly route: string;
  readonly key: IdempotencyKey;
  readonly answer: AnswerRow<AnswerToKeep>;
}

/** An answer whose headers are as the file has them. */
export type AnswerRow<T extends AnswerToKeep> = Omit<T, "headers"> & { readonly headers: string };

/** The head of a stored request: its fields in a fixed order. Header values that are secrets may be sealed. */
export type Head = readonly [
  method: string,
  rest: string,
  target: string,
  host: string,
  httpVersion: string,
  peer: string,
  secure: 0 | 1,
  headers: readonly (string | null)[],
  sealed: string | null,
  /** What a row of `jobs` says, too: should a damaged file lose that, the job can still be sent. */
  id: string,
  route: string,
  at: number,
  maxAgeMs: number,
  requestId: string | null,
  orderKey: string | null,
];
