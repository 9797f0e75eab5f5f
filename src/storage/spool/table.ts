import type { Connection } from "../connection.ts";
import {
  BEHIND,
  CANCELLED,
  CANCELLED_REASON,
  COLUMNS,
  DEAD,
  DELIVERED,
  isVerifying,
  type JobRow,
  laneOf,
  QUEUED,
  SYNC,
  VERIFY,
} from "./rows.ts";
import type { SpoolState } from "./state.ts";

/**
 * The named changes of a job, each with what goes with it: counts, lease, and who is next of its order key. Nothing
 * else writes to `jobs`.
 */
export interface JobTable {
  get(seq: number): JobRow | undefined;
  insert(row: JobRow): void;
  /** Queues it again, or anew with a fresh life. */
  queue(row: JobRow, more: Partial<Pick<JobRow, "due" | "attempts" | "sends" | "doubt" | "expires">>): void;
  /** Its app is asked about it, next when it is due. */
  verify(row: JobRow, due: number, sends: number): void;
  /** What is asked of one that is verifying, until when; null: as it was. */
  setPoll(seq: number, until: number | null, poll: string): void;
  deliver(row: JobRow, attempts: number, sends: number, now: number): void;
  /** Dead or cancelled. `holds`: the next of its order key waits for an operator. */
  kill(
    row: JobRow,
    reason: number,
    detail: string | null,
    holds: boolean,
    attempts: number,
    sends: number,
    now: number,
  ): void;
  /** What was sent of one that was cancelled meanwhile: it stays as it ended. */
  sentBefore(row: JobRow, sends: number, doubt: number): void;
  /** All of it, with payload, tries and poll. */
  remove(row: JobRow): void;
  /** `log`: tries as they are kept. */
  addTries(seq: number, log: string): void;
  /** Is somebody of this key out, or before? */
  hasHead(route: number, okey: string): boolean;
  /** Lets the first of an order key go, unless one is out or an operator has to act. */
  arrange(route: number, okey: string | null): void;
}

/**
 * Of tries kept with a job. Some spend no attempt, so that nothing else bounds their number; a few hundred with all
 * that is kept of an answer have room. Beyond it the oldest go, each a whole line.
 */
const MAX_LOG_CHARS = 4 * 1024 * 1024;
const KEPT_LOG_CHARS = 3 * 1024 * 1024;

export function createTable(db: Connection, state: SpoolState): JobTable {
  const get = db.prepare<[number], JobRow>(`SELECT ${COLUMNS} FROM jobs WHERE seq = ?`);
  const insert = db.prepare(
    `INSERT INTO jobs (${COLUMNS}) VALUES (${COLUMNS.split(",")
      .map(() => "?")
      .join(", ")})`,
  );
  const toQueue = db.prepare(
    `UPDATE jobs SET state = 0, lane = ?, due = ?, expires = ?, attempts = ?, sends = ?, doubt = ?, ended = NULL,
       reason = NULL, detail = NULL, holds = ? WHERE seq = ?`,
  );
  const toEnd = db.prepare(
    "UPDATE jobs SET state = ?, attempts = ?, sends = ?, ended = ?, reason = ?, detail = ?, holds = ? WHERE seq = ?",
  );
  /** By far the most frequent end, with as little to bind as can be. */
  const toDelivered = db.prepare(
    `UPDATE jobs SET state = ${DELIVERED}, attempts = ?, sends = ?, ended = ?, reason = NULL, detail = NULL, holds = 0
       WHERE seq = ?`,
  );
  const toVerify = db.prepare(`UPDATE jobs SET lane = ${VERIFY}, due = ?, sends = ? WHERE seq = ?`);
  const toSent = db.prepare("UPDATE jobs SET sends = ?, doubt = ? WHERE seq = ?");
  const toLane = db.prepare("UPDATE jobs SET lane = ? WHERE seq = ?");
  const removeJob = db.prepare("DELETE FROM jobs WHERE seq = ?");
  const removePayload = db.prepare("DELETE FROM payloads WHERE seq = ?");
  const removeTries = db.prepare("DELETE FROM tries WHERE seq = ?");
  const removePoll = db.prepare("DELETE FROM polls WHERE seq = ?");
  const writePoll = db.prepare("INSERT OR REPLACE INTO polls (seq, until, poll) VALUES (?, ?, ?)");
  const renewPoll = db.prepare("UPDATE polls SET poll = ? WHERE seq = ?");
  const addLog = db.prepare(
    `INSERT INTO tries (seq, log) VALUES (?, ?) ON CONFLICT (seq) DO UPDATE SET log = CASE
       WHEN length(log) < ${MAX_LOG_CHARS} THEN log
       ELSE substr(log, length(log) - ${KEPT_LOG_CHARS} + instr(substr(log, length(log) - ${KEPT_LOG_CHARS}), char(10)))
       END || excluded.log`,
  );
  const heads = db.prepare<[number, string], JobRow>(
    `SELECT ${COLUMNS} FROM jobs INDEXED BY heads WHERE route = ? AND okey = ? AND okey IS NOT NULL AND holds = 1 AND lane <> 2`,
  );
  const firstOf = db.prepare<[number, string], JobRow>(
    `SELECT ${COLUMNS} FROM jobs INDEXED BY ordered WHERE route = ? AND okey = ? AND okey IS NOT NULL AND holds = 1
       ORDER BY seq LIMIT 1`,
  );

  const setLane = (row: JobRow, lane: number): void => {
    if (row.lane === lane) return;
    state.count(row, -1);
    toLane.run(lane, row.seq);
    state.count({ ...row, lane }, 1);
  };
  const arrange = (route: number, okey: string | null): void => {
    if (okey === null) return;
    const own = heads.all(route, okey);
    const isOut = (row: JobRow): boolean => row.state !== QUEUED || row.lane === VERIFY || state.leased.has(row.seq);
    if (own.some(isOut)) {
      for (const row of own) if (!isOut(row)) setLane(row, BEHIND);
      return;
    }
    const first = firstOf.get(route, okey);
    if (first === undefined) return;
    for (const row of own) if (row.seq !== first.seq) setLane(row, BEHIND);
    setLane(first, laneOf(first.sends));
  };
  const unpoll = (row: JobRow): void => {
    if (isVerifying(row)) removePoll.run(row.seq);
  };
  const remove = (row: JobRow): void => {
    state.unlease(row.seq);
    unpoll(row);
    state.count(row, -1);
    removeJob.run(row.seq);
    removePayload.run(row.seq);
    removeTries.run(row.seq);
    arrange(row.route, row.okey);
  };
  const end = (
    row: JobRow,
    to: Pick<JobRow, "state" | "attempts" | "sends" | "reason" | "detail" | "holds">,
    now: number,
  ): void => {
    state.unlease(row.seq);
    unpoll(row);
    state.count(row, -1);
    toEnd.run(to.state, to.attempts, to.sends, now, to.reason, to.detail, to.holds, row.seq);
    state.count({ ...row, state: to.state, reason: to.reason }, 1);
    arrange(row.route, row.okey);
  };

  return {
    get: (seq) => get.get(seq),
    insert(row) {
      insert.run(
        row.seq,
        row.tail,
        row.route,
        row.state,
        row.lane,
        row.due,
        row.at,
        row.since,
        row.expires,
        row.age,
        row.attempts,
        row.sends,
        row.doubt,
        row.origin,
        row.size,
        row.ended,
        row.reason,
        row.detail,
        row.request_id,
        row.okey,
        row.holds,
        row.blocks,
      );
      state.count(row, 1);
      if (row.state === QUEUED) state.reach.waits(row.seq, row.expires);
    },
    queue(row, more) {
      state.unlease(row.seq);
      state.withdrawn.forget(row.seq);
      unpoll(row);
      const next = { ...row, ...more };
      // One that holds its key's place goes on holding it; a dead one that is retried takes its old place in the line.
      const lane = row.okey !== null && row.state !== QUEUED && row.holds === 0 ? BEHIND : laneOf(next.sends);
      state.count(row, -1);
      toQueue.run(
        lane,
        next.due,
        next.expires,
        next.attempts,
        next.sends,
        next.doubt,
        row.okey === null ? 0 : 1,
        row.seq,
      );
      state.count({ ...row, state: QUEUED, lane }, 1);
      state.reach.waits(row.seq, next.expires);
      arrange(row.route, row.okey);
    },
    verify(row, due, sends) {
      state.unlease(row.seq);
      state.count(row, -1);
      toVerify.run(due, sends, row.seq);
      state.count({ ...row, lane: VERIFY }, 1);
      state.reach.waits(row.seq, row.expires);
    },
    setPoll(seq, until, poll) {
      if (until === null) renewPoll.run(poll, seq);
      else writePoll.run(seq, until, poll);
    },
    deliver(row, attempts, sends, now) {
      if (row.origin === SYNC) return remove(row);
      state.unlease(row.seq);
      unpoll(row);
      state.count(row, -1);
      toDelivered.run(attempts, sends, now, row.seq);
      state.count({ ...row, state: DELIVERED, reason: null }, 1);
      arrange(row.route, row.okey);
    },
    kill(row, reason, detail, holds, attempts, sends, now) {
      if (row.origin === SYNC) return remove(row);
      const to = reason === CANCELLED_REASON ? CANCELLED : DEAD;
      end(row, { state: to, attempts, sends, reason, detail, holds: holds && row.okey !== null ? 1 : 0 }, now);
    },
    sentBefore: (row, sends, doubt) => void toSent.run(sends, doubt, row.seq),
    remove,
    addTries: (seq, log) => void addLog.run(seq, log),
    hasHead: (route, okey) => heads.get(route, okey) !== undefined,
    arrange,
  };
}
