import { parseId } from "../../core/job.id.ts";
import type { Connection } from "../connection.ts";
import { unasked } from "./polls.ts";
import { FIRST, HEAD_TEXT, type JobRow, QUEUED, VERIFY } from "./rows.ts";
import { createState, recount } from "./state.ts";
import { createTable } from "./table.ts";
import type { Head } from "./wire.ts";

/**
 * After a damaged file was read as far as it goes: a payload whose job was lost is queued again, in doubt, for better
 * twice than never; leases are nobody's; routes have their names, order keys their first; counts are counted;
 * what was to be asked of an app is asked only where that is still known. Returns
 * one clause for people.
 */
export function mendSpool(db: Connection): string {
  return db.transaction(() => {
    db.exec("DELETE FROM leases WHERE seq NOT IN (SELECT seq FROM jobs)");
    db.exec("DELETE FROM polls WHERE seq NOT IN (SELECT seq FROM jobs) OR NOT json_valid(poll)");
    // Junk in the last page of a long text is not seen by SQLite.
    db.exec(`DELETE FROM payloads WHERE NOT json_valid(${HEAD_TEXT})`);
    nameRoutes(db);
    const orphans = db
      .prepare<[], { seq: number; head: string; size: number }>(
        `SELECT seq, ${HEAD_TEXT} AS head, length(content) - head AS size FROM payloads
           WHERE seq NOT IN (SELECT seq FROM jobs)`,
      )
      .all();
    const state = createState(db);
    state.reload();
    const table = createTable(db, state);
    let queued = 0;
    for (const { seq, head, size } of orphans) if (requeue(seq, JSON.parse(head) as Head, size)) queued++;
    const lost = db
      .prepare<[number], JobRow>(
        "SELECT * FROM jobs WHERE state = 0 AND lane = ? AND seq NOT IN (SELECT seq FROM polls)",
      )
      .all(VERIFY);
    for (const row of lost) unasked(table, row, row.due);
    const lines = db
      .prepare<[], { route: number; okey: string }>(
        "SELECT DISTINCT route, okey FROM jobs WHERE okey IS NOT NULL AND holds = 1",
      )
      .all();
    for (const { route, okey } of lines) table.arrange(route, okey);
    recount(db);
    return `${queued} jobs queued again that had only their payload left`;

    function requeue(seq: number, head: Head, size: number): boolean {
      const [, , , , , , , , , idOf, route, at, age, requestId, okey] = head;
      const id = parseId(idOf);
      if (id?.seq !== seq) return false;
      table.insert({
        seq,
        tail: id.tail,
        route: state.routeId(route),
        state: QUEUED,
        lane: FIRST,
        due: at,
        at,
        since: at,
        expires: at + age,
        age,
        attempts: 0,
        sends: 0,
        doubt: 1,
        origin: 0,
        size,
        ended: null,
        reason: null,
        detail: null,
        request_id: requestId,
        okey,
        holds: okey === null ? 0 : 1,
        blocks: 0,
      });
      return true;
    }
  })();
}

/** A number without its name would be given to the next new route, and the jobs with it: requests know their own. */
function nameRoutes(db: Connection): void {
  const nameless = db
    .prepare<[], number>(
      `SELECT route FROM (SELECT route FROM jobs UNION SELECT route FROM keys UNION SELECT route FROM answers)
         WHERE route NOT IN (SELECT route FROM routes)`,
    )
    .pluck()
    .all();
  const headOf = db
    .prepare<[number], string>(`SELECT ${HEAD_TEXT} FROM jobs JOIN payloads USING (seq) WHERE route = ? LIMIT 1`)
    .pluck();
  const add = db.prepare<[number, string]>("INSERT INTO routes (route, name) VALUES (?, ?)");
  for (const route of nameless) {
    const head = headOf.get(route);
    add.run(route, head === undefined ? `unknown/${route}` : (JSON.parse(head) as Head)[10]);
  }
}
