import type { Connection } from "../connection.ts";
import { CANCELLED, DEAD, type JobRow, QUEUED } from "./rows.ts";

/** What is counted of a route: lanes 0 to 3, 10 delivered, 20 and up dead by reason. */
export const KINDS = 64;
export const DELIVERED_KIND = 10;
export const DEAD_KIND = 20;

export function kindOf({ state, lane, reason }: Pick<JobRow, "state" | "lane" | "reason">): number {
  if (state === QUEUED) return lane;
  return state === DEAD || state === CANCELLED ? DEAD_KIND + (reason ?? 0) : DELIVERED_KIND;
}

/** Counts anew from the rows: after a damaged file was read as far as it goes. */
export function recount(db: Connection): void {
  db.exec("DELETE FROM counts");
  const groups = db
    .prepare<[], Pick<JobRow, "route" | "state" | "lane" | "reason"> & { n: number }>(
      "SELECT route, state, CASE WHEN state = 0 THEN lane ELSE 0 END AS lane, reason, count(*) AS n FROM jobs GROUP BY 1, 2, 3, 4",
    )
    .all();
  const totals = new Map<number, number>();
  for (const { n, ...row } of groups) {
    const id = row.route * KINDS + kindOf(row);
    totals.set(id, (totals.get(id) ?? 0) + n);
  }
  const write = db.prepare<[number, number]>("INSERT OR REPLACE INTO counts (id, n) VALUES (?, ?)");
  for (const [id, n] of totals) write.run(id, n);
}
