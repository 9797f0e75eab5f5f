import { idText } from "../../core/job.id.ts";
import type { Poll } from "../../core/job.ts";
import type { Connection } from "../connection.ts";
import { type JobRow, ORIGINS, SYNC } from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import type { ClaimReply } from "./wire.ts";

type LeasedPolls = ClaimReply["polls"];

/** Leases jobs whose apps are to be asked now: without their payloads, which nobody needs for that. */
export function leasePolls(db: Connection, state: SpoolState, table: JobTable) {
  const find = db.prepare<[number], { until: number; poll: string }>("SELECT until, poll FROM polls WHERE seq = ?");
  return (seqs: readonly number[], now: number): LeasedPolls => {
    const rows: JobRow[] = [];
    const polls: { until: number; poll: string }[] = [];
    for (const seq of seqs) {
      const row = table.get(seq);
      const poll = find.get(seq);
      if (row === undefined) continue;
      if (poll === undefined) {
        unasked(table, row, now);
        continue;
      }
      rows.push(row);
      polls.push(poll);
    }
    const attempts = state.lease(rows);
    return rows.map((row, i) => {
      const { until, poll } = polls[i] as { until: number; poll: string };
      const id = idText(row);
      return {
        lease: { id, attempt: attempts[i] as number },
        requestId: row.request_id ?? id,
        poll: JSON.parse(poll) as Poll,
        leftMs: until - now,
        attempts: row.attempts,
        sends: row.sends,
        inDoubt: row.doubt === 1,
        origin: ORIGINS[row.origin] ?? "async",
        ordered: row.okey !== null,
        at: row.at,
        ageMs: now - row.since,
        expiresInMs: row.expires - now,
      };
    });
  };
}

/** What was to be asked was lost with a damaged file. A job is better delivered twice than never; a record has nothing to send. */
export function unasked(table: JobTable, row: JobRow, now: number): void {
  if (row.origin === SYNC) table.remove(row);
  else table.queue(row, { due: now, doubt: 1 });
}
