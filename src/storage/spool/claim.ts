import type { JobSummary } from "../../core/job.ts";
import type { Connection } from "../connection.ts";
import { CANCELLED_REASON, EXPIRED_REASON, FIRST, type JobRow, RETRY, summaryOf } from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import { type ClaimCommand, type ClaimReply, LEASED_NUMBERS, LEASED_TEXTS, type Packed } from "./wire.ts";

interface Payload {
  readonly head: string;
  readonly body: Buffer;
}

const LOST = "its payload was lost with a damaged file";

/** Leases due jobs. Leased ones stay in the index and are stepped over: there are never more than a few hundred. */
export function claimCommand(db: Connection, state: SpoolState, table: JobTable) {
  const due = db.prepare<[number, number], { seq: number; due: number }>(
    "SELECT seq, due FROM jobs INDEXED BY due WHERE state = 0 AND route = ? AND lane = ? ORDER BY due, seq",
  );
  const payload = db.prepare<[number], Payload>("SELECT head, body FROM payloads WHERE seq = ?");

  /** Changes must not happen under an open cursor, so what is due is listed first. */
  const look = (route: number, lane: number, now: number, max: number): { seqs: number[]; next: number | null } => {
    const seqs: number[] = [];
    for (const { seq, due: at } of due.iterate(route, lane)) {
      if (state.leased.has(seq)) continue;
      if (at > now || seqs.length > max) return { seqs, next: at };
      seqs.push(seq);
    }
    return { seqs, next: null };
  };

  return (want: ClaimCommand): ClaimReply => {
    const { now } = want;
    state.now = now;
    const route = state.knownRoute(want.route);
    const lane = want.lane === "first" ? FIRST : RETRY;
    const expired: JobSummary[] = [];
    const picked: (readonly [JobRow, number, Payload])[] = [];
    let size = 0;
    let rest = false;
    let ended = false;
    if (route === undefined) return { jobs: pack([], now, 0), more: false, nextInMs: null, expired };
    const found = look(route, lane, now, want.max);
    for (const seq of found.seqs) {
      const row = table.get(seq);
      if (row === undefined) continue;
      if (row.expires <= now) {
        table.kill(row, EXPIRED_REASON, "it was too old", false, row.attempts, row.sends, now);
        const dead = table.get(seq);
        ended = true;
        if (dead !== undefined) expired.push(summaryOf(dead, want.route, false, want.wall - now));
        continue;
      }
      if (picked.length >= want.max || (picked.length > 0 && size + row.size > want.maxBytes)) {
        rest = true;
        break;
      }
      const content = payload.get(seq);
      if (content === undefined) {
        table.kill(row, CANCELLED_REASON, LOST, false, row.attempts, row.sends, now);
        ended = true;
        continue;
      }
      size += row.size;
      picked.push([row, table.lease(row), content]);
    }
    // One that ended may have let the next of its order key go.
    const next = rest || ended ? look(route, lane, now, 0) : { seqs: [], next: found.next };
    const more = rest || next.seqs.length > 0 || (next.next !== null && next.next <= now);
    return {
      jobs: pack(picked, now, size),
      more,
      nextInMs: more || next.next === null ? null : next.next - now,
      expired,
    };
  };
}

function pack(picked: readonly (readonly [JobRow, number, Payload])[], now: number, size: number): Packed {
  const numbers = new Float64Array(picked.length * LEASED_NUMBERS);
  const texts: (string | null)[] = new Array(picked.length * LEASED_TEXTS);
  const bytes = new Uint8Array(size);
  let offset = 0;
  picked.forEach(([row, attempt, { head, body }], i) => {
    const at = i * LEASED_NUMBERS;
    numbers[at] = row.seq;
    numbers[at + 1] = row.tail;
    numbers[at + 2] = attempt;
    numbers[at + 3] = row.attempts;
    numbers[at + 4] = row.sends;
    numbers[at + 5] = row.doubt;
    numbers[at + 6] = row.origin;
    numbers[at + 7] = row.at;
    numbers[at + 8] = now - row.since;
    numbers[at + 9] = row.expires - now;
    numbers[at + 10] = body.length;
    numbers[at + 11] = row.okey === null ? 0 : 1;
    texts[i * LEASED_TEXTS] = head;
    texts[i * LEASED_TEXTS + 1] = row.request_id;
    bytes.set(body, offset);
    offset += body.length;
  });
  return { numbers, texts, bytes };
}
