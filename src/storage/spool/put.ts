import type { Connection } from "../connection.ts";
import type { Room } from "./room.ts";
import { BEHIND, CANCELLED, CANCELLED_REASON, DEAD, FIRST, laneOf, QUEUED, VERIFY } from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import { type Packed, type PollText, PUT_NUMBERS, type PutReply, type PutResult } from "./wire.ts";

const NO_POLL = [0, 0, null] as const;

/** Takes all jobs of a message. One that is refused spoils no other. */
export function putCommand(db: Connection, state: SpoolState, table: JobTable, room: Room) {
  const addPayload = db.prepare<[number, number, Uint8Array]>(
    "INSERT INTO payloads (seq, head, content) VALUES (?, ?, ?)",
  );
  const addTries = db.prepare<[number, string]>("INSERT INTO tries (seq, log) VALUES (?, ?)");
  const findKey = db.prepare<[number, string], { body_hash: string; seq: number; tail: number; until: number }>(
    "SELECT body_hash, seq, tail, until FROM keys WHERE route = ? AND hash = ?",
  );
  const setKey = db.prepare<[number, string, string, number, number, number]>(
    "INSERT OR REPLACE INTO keys (route, hash, body_hash, seq, tail, until) VALUES (?, ?, ?, ?, ?, ?)",
  );

  const putOne = (n: Float64Array, at: number, texts: Packed["texts"], content: Uint8Array): PutResult => {
    const num = (i: number): number => n[at + i] as number;
    const text = (i: number): string | null => texts[num(i)] ?? null;
    const [seq, tail, now, age, sends, size, deadReason] = [num(0), num(1), num(3), num(4), num(5), num(9), num(10)];
    const route = state.routeId(text(12) as string);
    const keyHash = text(15);
    if (keyHash !== null) {
      const known = findKey.get(route, keyHash);
      if (known !== undefined && known.until > now)
        return known.body_hash === text(16) ? { seq: known.seq, tail: known.tail } : "conflict";
    }
    const dead = deadReason >= 0;
    if (dead && table.get(seq) !== undefined) return "conflict";
    if (!dead && state.waiting() >= state.bounds.maxJobs) return "jobs";
    if (!room.has(size)) return "bytes";
    const okey = text(14);
    const verify = text(19);
    const [delayMs, forMs, poll] = verify === null ? NO_POLL : (JSON.parse(verify) as PollText);
    table.insert({
      seq,
      tail,
      route,
      state: !dead ? QUEUED : deadReason === CANCELLED_REASON ? CANCELLED : DEAD,
      lane:
        verify !== null
          ? VERIFY
          : !dead && okey !== null && table.hasHead(route, okey)
            ? BEHIND
            : dead
              ? FIRST
              : laneOf(sends),
      due: now + delayMs,
      at: num(2),
      since: now,
      expires: now + age,
      age,
      attempts: 0,
      sends,
      doubt: num(6),
      origin: num(7),
      size,
      ended: dead ? now : null,
      reason: dead ? deadReason : null,
      detail: dead ? text(18) : null,
      request_id: text(13),
      okey,
      holds: okey !== null && !dead ? 1 : 0,
      blocks: num(20),
    });
    if (poll === null) addPayload.run(seq, num(8), content);
    // Nothing of it is sent again: should its row be lost, so is the whole.
    else table.setPoll(seq, now + (forMs ?? 0), JSON.stringify(poll));
    const tries = text(17);
    if (tries !== null) addTries.run(seq, tries);
    if (keyHash !== null) setKey.run(route, keyHash, text(16) as string, seq, tail, now + num(11));
    return 0;
  };

  return ({ numbers, texts, bytes }: Packed): PutReply => {
    let results: PutResult[] | null = null;
    room.look(bytes.length);
    let offset = 0;
    for (let at = 0, i = 0; at < numbers.length; at += PUT_NUMBERS, i++) {
      const end = offset + (numbers[at + 8] as number) + (numbers[at + 9] as number);
      state.now = numbers[at + 3] as number;
      const result = putOne(numbers, at, texts, bytes.subarray(offset, end));
      offset = end;
      if (result !== 0) results ??= Array<PutResult>(i).fill(0);
      results?.push(result);
    }
    return results;
  };
}
