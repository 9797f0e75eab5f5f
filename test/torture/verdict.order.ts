import type { Facts, Visit } from "./facts.ts";
import { history, type Violation } from "./violation.ts";

/**
 * A hanging request that the sidecar gives up may be seen to end after its successor came: two sockets are read in
 * any order, and the app may be late.
 */
const UNSEEN_CLOSE_MS = 1_000;

/**
 * Of each key: an acknowledged request was sent before all with a higher number were, so none of its visits comes
 * after one of theirs, whatever was killed in between. One that was not acknowledged may be stored at any time. And
 * within one life no two are at the app at once.
 */
export function judgeOrder(facts: Facts, report: (kind: Violation["kind"], evidence: string) => void): void {
  const acknowledged = new Set(facts.acks.map(({ id }) => id));
  const ordered = facts.visits.filter(({ key }) => key !== null);
  for (const [key, visits] of Map.groupBy(ordered, (visit) => visit.key)) {
    const byArrival = visits.toSorted((a, b) => a.arrivedAt - b.arrivedAt);
    let latest: Visit | null = null;
    let open: Visit | null = null;
    for (const visit of byArrival) {
      if (latest !== null && visit.seq < latest.seq && acknowledged.has(visit.id)) {
        report("order", `${key}: ${name(visit)} came after ${name(latest)}: ${history([latest, visit])}`);
      }
      if (latest === null || visit.seq > latest.seq) latest = visit;
      if (open !== null && open.life === visit.life && overlapMs(open, visit) > 0) {
        report("overlap", `${key}: ${name(visit)} came during ${name(open)}: ${history([open, visit])}`);
      }
      if (open === null || visit.life > open.life || visit.endedAt > open.endedAt) open = visit;
    }
  }
}

function overlapMs(first: Visit, second: Visit): number {
  const unseen = first.end === "hung" || first.end === "left";
  return first.endedAt - second.arrivedAt - (unseen ? UNSEEN_CLOSE_MS : 0);
}

function name({ seq, id }: Visit): string {
  return `no. ${seq} (${id})`;
}
