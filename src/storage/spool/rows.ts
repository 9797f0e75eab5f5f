import { idText } from "../../core/job.id.ts";
import { DEAD_REASONS, type JobOrigin, type JobState, type JobSummary } from "../../core/job.ts";

/** How words are numbers in the file. None of them is ever given another meaning. */

export const QUEUED = 0;
export const DELIVERED = 2;
export const DEAD = 3;
export const CANCELLED = 4;
/** Delivered, and its payload is gone to make room. */
export const STRIPPED = 6;

export const FIRST = 0;
export const RETRY = 1;
/** Behind another of its order key. */
export const BEHIND = 2;
/** Its app is asked whether it was done: what is asked is in `polls`. It waits like one that is queued. */
export const VERIFY = 3;

export const ORIGINS: readonly JobOrigin[] = ["async", "fallback", "import", "sync"];
export const SYNC = ORIGINS.indexOf("sync");
export const CANCELLED_REASON = DEAD_REASONS.indexOf("cancelled");
export const EXPIRED_REASON = DEAD_REASONS.indexOf("expired");

/** A row of `jobs`. */
export interface JobRow {
  readonly seq: number;
  readonly tail: number;
  readonly route: number;
  readonly state: number;
  readonly lane: number;
  readonly due: number;
  readonly at: number;
  readonly since: number;
  readonly expires: number;
  /** How old it may become: a fresh life is as long. */
  readonly age: number;
  readonly attempts: number;
  readonly sends: number;
  readonly doubt: number;
  readonly origin: number;
  readonly size: number;
  readonly ended: number | null;
  readonly reason: number | null;
  readonly detail: string | null;
  readonly request_id: string | null;
  readonly okey: string | null;
  readonly holds: number;
  /** 1: should it grow too old, the next of its order key waits for an operator. */
  readonly blocks: number;
}

/** Of `payloads`: the request's head as a text. */
export const HEAD_TEXT = "CAST(substr(content, 1, head) AS TEXT)";

/** Of `payloads`. */
export interface Payload {
  /** How many bytes of the content are the request's head, as JSON. The body is behind it. */
  readonly head: number;
  readonly content: Buffer;
}

export const COLUMNS =
  "seq, tail, route, state, lane, due, at, since, expires, age, attempts, sends, doubt, origin, size, ended, reason, detail, request_id, okey, holds, blocks";

export function laneOf(sends: number): number {
  return sends > 0 ? RETRY : FIRST;
}

export function isVerifying({ state, lane }: Pick<JobRow, "state" | "lane">): boolean {
  return state === QUEUED && lane === VERIFY;
}

function stateName(row: JobRow, leased: boolean): JobState {
  switch (row.state) {
    case QUEUED:
      if (row.lane === VERIFY) return "verifying";
      return leased ? "leased" : "queued";
    case DEAD:
      return "dead";
    case CANCELLED:
      return "cancelled";
    default:
      return "delivered";
  }
}

/** `offset` turns the spool's time into that of the wall. */
export function summaryOf(row: JobRow, route: string, leased: boolean, offset: number): JobSummary {
  const state = stateName(row, leased);
  const slash = route.indexOf("/");
  return {
    id: idText(row),
    app: route.slice(0, slash),
    capability: route.slice(slash + 1),
    state,
    reason: row.reason === null ? null : (DEAD_REASONS[row.reason] ?? null),
    detail: row.detail,
    requestId: row.request_id ?? idText(row),
    at: row.at,
    endedAt: row.ended === null ? null : row.ended + offset,
    dueAt: state === "queued" || state === "verifying" ? row.due + offset : null,
    expiresAt: row.expires + offset,
    attempts: row.attempts,
    sends: row.sends,
    origin: ORIGINS[row.origin] ?? "async",
    size: row.size,
  };
}
