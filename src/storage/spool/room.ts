import type { Connection } from "../connection.ts";
import { DELIVERED, type JobRow, STRIPPED } from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";

/**
 * The bytes of the file in use, held under `max_bytes`. Delivered jobs make room: first they lose their payloads, then
 * they go, the oldest first. Nothing else is ever dropped for room.
 */
export interface Room {
  /** Measures, and makes room for about so many bytes; to be called before jobs are put. */
  look(bytes: number): void;
  /** May one more of this size be put? Books it. */
  has(bytes: number): boolean;
  used(): number;
  /** So much is in use that a job like the last one that was refused would be refused again. */
  full(used: number): boolean;
}

/** What a job takes beside its body: rows, index entries, the request's head. */
const JOB_BYTES = 1024;
const STEP = 1000;
/** Of so many looks one measures, while less than half of the room is taken. */
const LOOKS = 64;

export function createRoom(db: Connection, state: SpoolState, table: JobTable): Room {
  const pages = db.prepare<[], number>("SELECT page_count FROM pragma_page_count").pluck();
  const free = db.prepare<[], number>("SELECT freelist_count FROM pragma_freelist_count").pluck();
  const pageSize = Number(db.pragma("page_size", { simple: true }));
  const oldest = db.prepare<[number, number], JobRow>(
    "SELECT * FROM jobs INDEXED BY ended WHERE state >= 2 AND state = ? ORDER BY seq LIMIT ?",
  );
  const strip = db.prepare<[number]>("UPDATE jobs SET state = 6 WHERE seq = ?");
  const dropPayload = db.prepare<[number]>("DELETE FROM payloads WHERE seq = ?");
  /** In use, about: as it was measured, and what was booked since. */
  let bytes = 0;
  let looks = 0;
  /** What the last job would have taken, where it was refused. */
  let refused = 0;

  const used = (): number => ((pages.get() ?? 0) - (free.get() ?? 0)) * pageSize;
  /** False when there was nothing left to give. */
  const give = (): boolean => {
    const full = oldest.all(DELIVERED, STEP);
    for (const { seq } of full) {
      strip.run(seq);
      dropPayload.run(seq);
    }
    if (full.length > 0) return true;
    const empty = oldest.all(STRIPPED, STEP);
    for (const row of empty) table.remove(row);
    return empty.length > 0;
  };
  return {
    used,
    look(more) {
      const { maxBytes } = state.bounds;
      // Far from the bound what is booked will do for a while.
      if (looks++ % LOOKS !== 0 && bytes + more + JOB_BYTES < maxBytes / 2) return;
      bytes = used();
      // A few steps at a time: what is not enough now is gone on with by the next message.
      for (let steps = 0; steps < 8 && bytes + more + JOB_BYTES > maxBytes && give(); steps++) bytes = used();
    },
    has(size) {
      const more = size + JOB_BYTES;
      const fits = bytes + more <= state.bounds.maxBytes;
      refused = fits ? 0 : more;
      if (fits) bytes += more;
      return fits;
    },
    full: (now) => now >= state.bounds.maxBytes || (refused > 0 && now + refused > state.bounds.maxBytes),
  };
}
