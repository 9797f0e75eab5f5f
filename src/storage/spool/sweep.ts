import type { JobSummary } from "../../core/job.ts";
import type { Swept } from "../../spool/port.ts";
import type { Connection } from "../connection.ts";
import {
  CANCELLED,
  DEAD,
  DELIVERED,
  EXPIRED_REASON,
  isVerifying,
  type JobRow,
  QUEUED,
  STRIPPED,
  summaryOf,
} from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";

/** So much longer than it may live waits what is verified: whoever asks its app comes first, and knows what to do. */
const LAPSE_MS = 60_000;
/** Rows looked at in one step. */
const STEP = 500;

/** Upkeep in small steps: what waits too long is dead, what is kept too long goes. */
export function sweepCommand(db: Connection, state: SpoolState, table: JobTable) {
  const rows = db.prepare<[number, number], JobRow>("SELECT * FROM jobs WHERE seq > ? ORDER BY seq LIMIT ?");
  const oldest = db.prepare<[number, number, number], JobRow>(
    "SELECT * FROM jobs INDEXED BY ended WHERE state >= 2 AND state = ? AND seq > ? ORDER BY seq LIMIT ?",
  );
  const dropKeys = db.prepare<[number]>(
    "DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE until <= ? LIMIT 500)",
  );
  const dropAnswers = db.prepare<[number]>(
    "DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE until <= ? LIMIT 500)",
  );
  /** Where the round through the waiting is. */
  let at = 0;
  /** When the first of those that were met in this round is too old. */
  let soonest = Number.POSITIVE_INFINITY;
  const cursors = new Map<number, number>();

  /** A round through all rows, begun only where one of them may be too old: a million that wait are not looked at. */
  const expire = (now: number, offset: number): Swept => {
    const expired: JobSummary[] = [];
    const lapsed: JobSummary[] = [];
    if (at === 0) {
      if (now < state.reach.expiresFrom) return { expired, lapsed, more: false };
      // What comes while this round lasts is noted there.
      state.reach.expiresFrom = Number.POSITIVE_INFINITY;
      soonest = Number.POSITIVE_INFINITY;
    }
    const found = rows.all(at, STEP);
    for (const row of found) {
      // One that is leased is noted with the end of its lease.
      if (row.state !== QUEUED || state.leased.has(row.seq)) continue;
      const until = isVerifying(row) ? row.expires + LAPSE_MS : row.expires;
      if (until > now) {
        soonest = Math.min(soonest, until);
        continue;
      }
      if (isVerifying(row)) {
        lapsed.push(summaryOf(row, state.routeName(row.route), false, offset));
      }
      table.kill(row, EXPIRED_REASON, "it was too old", row.blocks === 1, row.attempts, row.sends, now);
      const dead = table.get(row.seq);
      if (dead !== undefined) expired.push(summaryOf(dead, state.routeName(row.route), false, offset));
    }
    at = found.length < STEP ? 0 : (found.at(-1)?.seq ?? 0);
    if (at === 0) state.reach.expiresFrom = Math.min(state.reach.expiresFrom, soonest);
    return { expired, lapsed, more: at !== 0 };
  };

  /** The oldest of a state, from where the last step ended; an old one that ended late is met again in the next round. */
  const prune = (code: number, keepMs: number, now: number): boolean => {
    const from = cursors.get(code) ?? 0;
    const found = oldest.all(code, from, STEP);
    let gone = 0;
    for (const row of found) {
      if (now - (row.ended ?? now) < keepMs) continue;
      table.remove(row);
      gone++;
    }
    cursors.set(code, found.length < STEP ? 0 : (found.at(-1)?.seq ?? 0));
    return found.length === STEP && gone > 0;
  };

  return {
    "spool.sweep": ({ now, wall }: { readonly now: number; readonly wall: number }): Swept => {
      state.now = now;
      const { retainDeliveredMs, retainDeadMs } = state.bounds;
      const { expired, lapsed, more } = expire(now, wall - now);
      const pruned = [
        prune(DELIVERED, retainDeliveredMs, now),
        prune(STRIPPED, retainDeliveredMs, now),
        prune(DEAD, retainDeadMs, now),
        prune(CANCELLED, retainDeadMs, now),
        dropKeys.run(now).changes === STEP,
        dropAnswers.run(now).changes === STEP,
      ];
      return { expired, lapsed, more: more || pruned.includes(true) };
    },
  };
}
