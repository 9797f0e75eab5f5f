import type { Connection } from "../connection.ts";
import { parseId } from "./id.ts";
import { FIRST, QUEUED } from "./rows.ts";
import { createState, recount } from "./state.ts";
import { createTable } from "./table.ts";
import type { Head } from "./wire.ts";

/**
 * After a damaged file was read as far as it goes: a payload whose job was lost is queued again, in doubt, for better
 * twice than never; leases are nobody's; counts are counted. Returns one clause for people.
 */
export function mendSpool(db: Connection): string {
  const orphans = db
    .prepare<[], { seq: number; head: string; size: number }>(
      "SELECT seq, head, length(body) AS size FROM payloads WHERE seq NOT IN (SELECT seq FROM jobs)",
    )
    .all();
  return db.transaction(() => {
    db.exec("DELETE FROM leases WHERE seq NOT IN (SELECT seq FROM jobs)");
    const state = createState(db);
    state.reload();
    const table = createTable(db, state);
    let queued = 0;
    for (const { seq, head, size } of orphans) if (requeue(seq, JSON.parse(head) as Head, size)) queued++;
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
      });
      table.arrange(state.routeId(route), okey);
      return true;
    }
  })();
}
