import type { JobSummary } from "../../core/job.ts";
import type { Connection } from "../connection.ts";
import { StorageError } from "../error.ts";
import { leasePolls } from "./polls.ts";
import {
  CANCELLED_REASON,
  EXPIRED_REASON,
  FIRST,
  type JobRow,
  type Payload,
  RETRY,
  summaryOf,
  VERIFY,
} from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import { type ClaimCommand, type ClaimReply, LEASED_NUMBERS, type Packed } from "./wire.ts";

const LOST = "its payload was lost with a damaged file";

/** Leases due jobs. Leased ones stay in the index and are stepped over: there are never more than a few hundred. */
export function claimCommand(db: Connection, state: SpoolState, table: JobTable) {
  const due = db.prepare<[number, number, number], { seq: number; due: number }>(
    "SELECT seq, due FROM jobs INDEXED BY due WHERE state = 0 AND route = ? AND lane = ? ORDER BY due, seq LIMIT ?",
  );
  const lease = leasePolls(db, state, table);
  const payload = db.prepare<[number], Payload>("SELECT head, content FROM payloads WHERE seq = ?");

  /** Changes must not happen under an open cursor, so what is due is listed first. */
  const look = (route: number, lane: number, now: number, max: number): { seqs: number[]; next: number | null } => {
    const seqs: number[] = [];
    for (const { seq, due: at } of due.all(route, lane, state.leasedIn(route, lane) + max + 1)) {
      if (state.leased.has(seq)) continue;
      if (at > now || seqs.length === max) return { seqs, next: at };
      seqs.push(seq);
    }
    return { seqs, next: null };
  };

  return (want: ClaimCommand): ClaimReply => {
    const { now } = want;
    state.now = now;
    if (state.lost.some)
      throw new StorageError("failed", "leases were lost with a damaged file: say first which are held");
    const route = state.knownRoute(want.route);
    const lane = LANES[want.lane];
    const expired: JobSummary[] = [];
    const rows: JobRow[] = [];
    const payloads: Payload[] = [];
    let size = 0;
    let rest = false;
    let ended = false;
    const none = { jobs: pack([], [], [], now), polls: [], expired };
    if (route === undefined) return { ...none, more: false, nextInMs: null };
    const kill = (row: JobRow, reason: number, detail: string): void => {
      table.kill(row, reason, detail, reason === EXPIRED_REASON && row.blocks === 1, row.attempts, row.sends, now);
      const dead = table.get(row.seq);
      ended = true;
      if (dead !== undefined) expired.push(summaryOf(dead, want.route, false, want.wall - now));
    };
    const found = look(route, lane, now, want.max);
    if (lane === VERIFY) return { ...none, polls: lease(found.seqs, now), ...waitFor(found.next, now) };
    for (const seq of found.seqs) {
      const row = table.get(seq);
      if (row === undefined) continue;
      if (row.expires <= now) {
        kill(row, EXPIRED_REASON, "it was too old");
        continue;
      }
      if (rows.length > 0 && size + row.size > want.maxBytes) {
        rest = true;
        break;
      }
      const content = payload.get(seq);
      if (content === undefined) {
        kill(row, CANCELLED_REASON, LOST);
        continue;
      }
      size += row.size;
      rows.push(row);
      payloads.push(content);
    }
    const attempts = state.lease(rows);
    // One that ended may have let the next of its order key go.
    const next = rest || ended ? look(route, lane, now, 0).next : found.next;
    return { ...none, jobs: pack(rows, payloads, attempts, now), ...waitFor(next, now) };
  };
}

const LANES: Readonly<Record<ClaimCommand["lane"], number>> = { first: FIRST, retry: RETRY, verify: VERIFY };

function waitFor(next: number | null, now: number): Pick<ClaimReply, "more" | "nextInMs"> {
  const more = next !== null && next <= now;
  return { more, nextInMs: more || next === null ? null : next - now };
}

function pack(rows: readonly JobRow[], payloads: readonly Payload[], attempts: readonly number[], now: number): Packed {
  const numbers = new Float64Array(rows.length * LEASED_NUMBERS);
  const texts: string[] = [];
  const bytes = new Uint8Array(payloads.reduce((sum, { content }) => sum + content.length, 0));
  let offset = 0;
  rows.forEach((row, i) => {
    const { head, content } = payloads[i] as Payload;
    const at = i * LEASED_NUMBERS;
    numbers[at] = row.seq;
    numbers[at + 1] = row.tail;
    numbers[at + 2] = attempts[i] as number;
    numbers[at + 3] = row.attempts;
    numbers[at + 4] = row.sends;
    numbers[at + 5] = row.doubt;
    numbers[at + 6] = row.origin;
    numbers[at + 7] = row.at;
    numbers[at + 8] = now - row.since;
    numbers[at + 9] = row.expires - now;
    numbers[at + 10] = head;
    numbers[at + 11] = content.length - head;
    numbers[at + 12] = row.okey === null ? 0 : 1;
    numbers[at + 13] = row.request_id === null ? -1 : texts.push(row.request_id) - 1;
    bytes.set(content, offset);
    offset += content.length;
  });
  return { numbers, texts, bytes };
}
