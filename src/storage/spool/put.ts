import type { Connection } from "../connection.ts";
import type { Room } from "./room.ts";
import { BEHIND, CANCELLED, CANCELLED_REASON, DEAD, FIRST, type JobRow, laneOf, QUEUED } from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import { type Packed, PUT_NUMBERS, PUT_TEXTS, type PutResult } from "./wire.ts";

/** Takes all jobs of a message. One that is refused spoils no other. */
export function putCommand(db: Connection, state: SpoolState, table: JobTable, room: Room) {
  const addPayload = db.prepare<[number, string, Uint8Array]>(
    "INSERT INTO payloads (seq, head, body) VALUES (?, ?, ?)",
  );
  const addTries = db.prepare<[number, string]>("INSERT INTO tries (seq, log) VALUES (?, ?)");
  const findKey = db.prepare<[number, string], { body_hash: string; seq: number; tail: number; until: number }>(
    "SELECT body_hash, seq, tail, until FROM keys WHERE route = ? AND hash = ?",
  );
  const setKey = db.prepare<[number, string, string, number, number, number]>(
    "INSERT OR REPLACE INTO keys (route, hash, body_hash, seq, tail, until) VALUES (?, ?, ?, ?, ?, ?)",
  );

  const putOne = (n: Float64Array, at: number, t: Packed["texts"], from: number, body: Uint8Array): PutResult => {
    const num = (i: number): number => n[at + i] as number;
    const text = (i: number): string | null => t[from + i] as string | null;
    const [seq, tail, now, age, sends, deadReason] = [num(0), num(1), num(3), num(4), num(5), num(9)];
    const route = state.routeId(text(0) as string);
    const keyHash = text(4);
    if (keyHash !== null) {
      const known = findKey.get(route, keyHash);
      if (known !== undefined && known.until > now)
        return known.body_hash === text(5) ? { seq: known.seq, tail: known.tail } : "conflict";
    }
    if (deadReason >= 0 && table.get(seq) !== undefined) return "conflict";
    if (deadReason < 0 && state.waiting() >= state.bounds.maxJobs) return "jobs";
    if (!room.has(body.length)) return "bytes";
    const okey = text(3);
    const dead = deadReason >= 0;
    const row: JobRow = {
      seq,
      tail,
      route,
      state: !dead ? QUEUED : deadReason === CANCELLED_REASON ? CANCELLED : DEAD,
      lane: !dead && okey !== null && table.hasHead(route, okey) ? BEHIND : dead ? FIRST : laneOf(sends),
      due: now,
      at: num(2),
      since: now,
      expires: now + age,
      age,
      attempts: 0,
      sends,
      doubt: num(6),
      origin: num(7),
      size: body.length,
      ended: dead ? now : null,
      reason: dead ? deadReason : null,
      detail: dead ? text(7) : null,
      request_id: text(2),
      okey,
      holds: okey !== null && !dead ? 1 : 0,
    };
    table.insert(row);
    addPayload.run(seq, text(1) as string, body);
    const tries = text(6);
    if (tries !== null) addTries.run(seq, tries);
    if (keyHash !== null) setKey.run(route, keyHash, text(5) as string, seq, tail, now + num(10));
    return 0;
  };

  return ({ numbers, texts, bytes }: Packed): PutResult[] => {
    const count = numbers.length / PUT_NUMBERS;
    const results: PutResult[] = [];
    room.look(bytes.length);
    let offset = 0;
    for (let i = 0; i < count; i++) {
      const length = numbers[i * PUT_NUMBERS + 8] as number;
      const body = bytes.subarray(offset, offset + length);
      offset += length;
      state.now = numbers[i * PUT_NUMBERS + 3] as number;
      results.push(putOne(numbers, i * PUT_NUMBERS, texts, i * PUT_TEXTS, body));
    }
    return results;
  };
}
