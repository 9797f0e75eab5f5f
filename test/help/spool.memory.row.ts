import type { Clock } from "../../src/core/clock.ts";
import type {
  DeadReason,
  JobFilter,
  JobState,
  JobSummary,
  Poll,
  RouteName,
  StoredJob,
  TryRecord,
} from "../../src/core/job.ts";
import type { Claim, LeasedJob, LeasedPoll, NewJob } from "../../src/spool/port.ts";

/** A job of the in-memory spool. Times are those of the clock that no change of the wall clock moves. */
export interface Row {
  readonly id: string;
  /** Counts the puts. */
  readonly seq: number;
  readonly job: NewJob;
  readonly requestId: string;
  readonly acceptedAt: number;
  /** Null once the payload is gone. */
  body: Buffer | null;
  state: JobState;
  reason: DeadReason | null;
  detail: string | null;
  /** Dead, and the next of its order key has to wait for an operator. */
  blocks: boolean;
  endedAt: number | null;
  dueAt: number;
  expiresAt: number;
  attempts: number;
  sends: number;
  /** The fence: grows with each lease and is never set back, else a lease of an earlier life would fit again. */
  attempt: number;
  inDoubt: boolean;
  /** Cancelled while it was leased: its worker may still say what it had sent. */
  withdrawn: boolean;
  tries: readonly TryRecord[];
  /** What is asked, until when, and whether somebody is asking now. */
  verify: { readonly poll: Poll; readonly until: number; asking: boolean } | null;
}

/** What a row takes beside its body, about. */
const ROW_BYTES = 512;

export function newRow(clock: Clock, id: string, seq: number, job: NewJob): Row {
  const now = clock.now();
  return {
    id,
    seq,
    job,
    requestId: job.requestId ?? id,
    acceptedAt: now,
    body: job.verify ? null : Buffer.from(job.body),
    state: job.dead ? stateOf(job.dead.reason) : job.verify ? "verifying" : "queued",
    reason: job.dead?.reason ?? null,
    detail: job.dead?.detail ?? null,
    blocks: false,
    endedAt: job.dead ? now : null,
    dueAt: now + (job.verify?.delayMs ?? 0),
    expiresAt: now + job.maxAgeMs,
    attempts: 0,
    sends: job.sends,
    attempt: 0,
    inDoubt: job.inDoubt,
    withdrawn: false,
    tries: job.tries,
    verify: job.verify ? { poll: job.verify.poll, until: now + job.verify.forMs, asking: false } : null,
  };
}

export const stateOf = (reason: DeadReason): "cancelled" | "dead" => (reason === "cancelled" ? "cancelled" : "dead");

/** What was sent before is a retry, whoever sent it. */
export const laneOf = (row: Row): Claim["lane"] =>
  row.state === "verifying" ? "verify" : row.sends > 0 ? "retry" : "first";

export const isWaiting = (row: Row): boolean =>
  row.state === "queued" || row.state === "leased" || row.state === "verifying";

const ofRoute = (row: Row, { app, capability }: RouteName): boolean =>
  row.job.app === app && row.job.capability === capability;

export const bytesOf = (row: Row): number => ROW_BYTES + (row.body?.length ?? 0);

/** A queued job has to wait while another of its order key is out, holds the key, or came before it. */
export function isBehind(row: Row, all: Iterable<Row>): boolean {
  if (row.job.orderKey === null || row.state === "verifying") return false;
  for (const other of all) {
    if (other === row || other.job.orderKey !== row.job.orderKey || !ofRoute(other, row.job)) continue;
    if (other.state === "leased" || other.state === "verifying" || other.blocks) return true;
    if (other.state === "queued" && other.seq < row.seq) return true;
  }
  return false;
}

export function summaryOf(row: Row, clock: Clock): JobSummary {
  const wall = (time: number): number => clock.wall() + time - clock.now();
  return {
    id: row.id,
    app: row.job.app,
    capability: row.job.capability,
    state: row.state,
    reason: row.reason,
    detail: row.detail,
    requestId: row.requestId,
    at: row.job.at,
    endedAt: row.endedAt === null ? null : wall(row.endedAt),
    dueAt: row.state === "queued" || row.state === "verifying" ? wall(row.dueAt) : null,
    expiresAt: wall(row.expiresAt),
    attempts: row.attempts,
    sends: row.sends,
    origin: row.job.origin,
    size: row.job.body.length,
  };
}

export function jobOf(row: Row, clock: Clock): StoredJob {
  return {
    ...summaryOf(row, clock),
    request: row.body === null ? null : row.job.request,
    body: row.body === null ? null : Buffer.from(row.body),
    orderKey: row.job.orderKey,
    inDoubt: row.inDoubt,
    tries: [...row.tries],
    poll: row.verify && { ...row.verify.poll, until: clock.wall() + row.verify.until - clock.now() },
  };
}

export function leasedOf(row: Row, body: Buffer, clock: Clock): LeasedJob {
  return { ...leasedRow(row, clock), request: row.job.request, body: Buffer.from(body) };
}

export function pollOf(row: Row, { poll, until }: NonNullable<Row["verify"]>, clock: Clock): LeasedPoll {
  return { ...leasedRow(row, clock), poll, leftMs: until - clock.now() };
}

function leasedRow(row: Row, clock: Clock): Omit<LeasedJob, "request" | "body"> {
  const { app, capability, origin, at } = row.job;
  const { requestId, attempts, sends, inDoubt } = row;
  const now = clock.now();
  return {
    app,
    capability,
    lease: { id: row.id, attempt: row.attempt },
    requestId,
    attempts,
    sends,
    inDoubt,
    origin,
    ordered: row.job.orderKey !== null,
    at,
    ageMs: now - row.acceptedAt,
    expiresInMs: row.expiresAt - now,
  };
}

export function matches(job: JobSummary, filter: JobFilter): boolean {
  const { states, app, capability, reason, requestId, since, until } = filter;
  // When it ended is what an operator asks about the dead-letter queue.
  const at = job.state === "dead" || job.state === "cancelled" ? (job.endedAt ?? job.at) : job.at;
  return (
    (!states || states.includes(job.state)) &&
    (app === undefined || job.app === app) &&
    (capability === undefined || job.capability === capability) &&
    (reason === undefined || job.reason === reason) &&
    (requestId === undefined || job.requestId === requestId) &&
    (since === undefined || at >= since) &&
    (until === undefined || at < until)
  );
}
