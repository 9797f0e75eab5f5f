import { parseId } from "../../core/job.id.ts";
import { type JobSummary, OWN_APP, type StoredJob, type TryRecord } from "../../core/job.ts";
import { PRINT_CHARS } from "../../core/seal.ts";
import type { Lease, Survey } from "../../spool/port.ts";
import type { Connection } from "../connection.ts";
import { answerCommands } from "./answers.ts";
import { claimCommand } from "./claim.ts";
import { listCommand } from "./list.ts";
import { moveCommands } from "./move.ts";
import { putCommand } from "./put.ts";
import { createRoom } from "./room.ts";
import {
  CANCELLED,
  CANCELLED_REASON,
  DEAD,
  DELIVERED,
  HEAD_TEXT,
  isVerifying,
  type JobRow,
  QUEUED,
  SYNC,
  summaryOf,
} from "./rows.ts";
import { settleCommand } from "./settle.ts";
import { createState, type SpoolState } from "./state.ts";
import { sweepCommand } from "./sweep.ts";
import { createTable, type JobTable } from "./table.ts";
import type { ChangeCommand, Head, OpenCommand, OpenReply, SpoolBounds } from "./wire.ts";

/** A job as it is found: its head is taken apart by the other side, which has the key of what is sealed. */
export type FoundJob = Omit<StoredJob, "request"> & { readonly head: Head | null };

export function spoolCommands(db: Connection) {
  const state = createState(db);
  state.reload();
  const table = createTable(db, state);
  const room = createRoom(db, state, table);
  const byName = {
    "spool.open": openCommand(db, state, table),
    "spool.bounds": (bounds: SpoolBounds): void => {
      state.bounds = bounds;
    },
    "spool.put": putCommand(db, state, table, room),
    "spool.claim": claimCommand(db, state, table),
    "spool.settle": settleCommand(state, table),
    "spool.hold": ({ now, leases }: { readonly now: number; readonly leases: readonly Lease[] }): void => {
      if (state.lost.some) takeUp(state, table, leases);
      const held = new Map(leases.map(({ id, attempt }) => [parseId(id)?.seq, attempt]));
      takeBack(state, table, now, (seq, attempt) => held.get(seq) === attempt);
    },
    "spool.change": (command: ChangeCommand): JobSummary[] => change(state, table, command),
    ...listCommand(db, state, table),
    ...sweepCommand(db, state, table),
    ...answerCommands(db, state),
    ...moveCommands(db, state, table),
    "spool.survey": surveyCommand(db, state, room),
    /** Reads one word that belongs to the file. */
    "spool.meta": (key: string): string | null =>
      db.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck().get(key) ?? null,
    /**
     * Of keys by their prints: those that a request or an answer is still sealed with. Reads all of them: only for keys
     * that are gone.
     */
    "spool.sealedBy": (prints: readonly string[]): string[] => {
      const ofRequest = `SELECT 1 FROM payloads WHERE substr(${HEAD_TEXT} ->> 8, 1, ${PRINT_CHARS}) = @print`;
      const ofAnswer = `SELECT 1 FROM answers WHERE substr(headers ->> '$.sealed', 1, ${PRINT_CHARS}) = @print`;
      const find = db.prepare(`SELECT EXISTS (${ofRequest}) OR EXISTS (${ofAnswer})`).pluck();
      return prints.filter((print) => find.get({ print }) === 1);
    },
    "spool.setMeta": ([key, value]: readonly [string, string]): void =>
      void db
        .prepare("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .run(key, value),
  };
  return {
    byName,
    flush: () => state.flush(),
    reload: () => state.reload(),
    durable: () => state.bounds.durability === "full",
  };
}

function openCommand(db: Connection, state: SpoolState, table: JobTable) {
  const meta = db.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck();
  const setMeta = db.prepare<[string, string]>(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  return ({ wall, instance, fence, bounds }: OpenCommand): OpenReply => {
    state.bounds = bounds;
    // A clock that was set back while nothing ran must not make jobs wait that are due.
    const now = Math.max(wall, Number(meta.get("now") ?? 0));
    state.now = now;
    state.fence = Math.max(state.fence, fence);
    if (meta.get("instance") !== instance) {
      takeBack(state, table, now, () => false);
      state.lost.found();
    }
    setMeta.run("instance", instance);
    const last = db.prepare<[], number | null>("SELECT max(seq) FROM jobs").pluck().get() ?? 0;
    return { now, last };
  };
}

/** Leases that were lost with a damaged file, and that somebody has: their jobs are out. */
function takeUp(state: SpoolState, table: JobTable, leases: readonly Lease[]): void {
  for (const { id, attempt } of leases) {
    const job = parseId(id);
    const row = job === null || state.leased.has(job.seq) ? undefined : table.get(job.seq);
    if (row?.state === QUEUED && row.tail === job?.tail) state.takeUp(row, attempt);
  }
  state.lost.found();
}

/** Leases that nobody has any more: what was sent may have arrived, so their jobs are in doubt; and all are due at once. */
function takeBack(
  state: SpoolState,
  table: JobTable,
  now: number,
  keep: (seq: number, attempt: number) => boolean,
): void {
  for (const [seq, { attempt }] of [...state.leased.entries()]) {
    if (keep(seq, attempt)) continue;
    const row = table.get(seq);
    if (row === undefined) state.unlease(seq);
    else if (isVerifying(row)) table.verify(row, Math.min(row.due, now), row.sends);
    else table.queue(row, { due: Math.min(row.due, now), doubt: 1 });
  }
}

/** Of one that is verified, and sent again meanwhile, nobody asks any more. A record of a call can't be sent. */
function mayBe(act: ChangeCommand["act"], row: JobRow): boolean {
  return FROM[act].includes(row.state) || (act === "resend" && isVerifying(row) && row.origin !== SYNC);
}

const FROM: Readonly<Record<ChangeCommand["act"], readonly number[]>> = {
  retry: [DEAD, CANCELLED],
  resend: [DELIVERED],
  cancel: [QUEUED],
  delete: [DEAD, CANCELLED],
};

function change(state: SpoolState, table: JobTable, { now, wall, act, ids }: ChangeCommand): JobSummary[] {
  state.now = now;
  const before: JobSummary[] = [];
  const seen = new Set<number>();
  for (const { seq, tail } of ids) {
    const row = table.get(seq);
    if (row === undefined || row.tail !== tail || seen.has(seq) || !mayBe(act, row)) continue;
    seen.add(seq);
    before.push(summaryOf(row, state.routeName(row.route), state.leased.has(seq), wall - now));
    const lease = state.leased.get(seq);
    if (act === "cancel" && lease !== undefined) state.withdrawn.note(seq, lease.attempt);
    doTo(table, act, row, now);
  }
  return before;
}

function doTo(table: JobTable, act: ChangeCommand["act"], row: JobRow, now: number): void {
  if (act === "delete") table.remove(row);
  else if (act === "cancel") table.kill(row, CANCELLED_REASON, "by an operator", false, row.attempts, row.sends, now);
  else table.queue(row, { due: now, attempts: 0, expires: now + row.age });
}

function surveyCommand(db: Connection, state: SpoolState, room: ReturnType<typeof createRoom>) {
  const next = db.prepare<[number, number], { seq: number; state: number; since: number; route: number }>(
    "SELECT seq, state, since, route FROM jobs WHERE seq > ? ORDER BY seq LIMIT ?",
  );
  const lowest = db.prepare<[], number | null>("SELECT min(seq) FROM jobs WHERE state = 0").pluck();
  const highest = db.prepare<[], number | null>("SELECT max(seq) FROM jobs").pluck();
  const { reach } = state;
  const isOwn = (route: number): boolean => state.routeName(route).startsWith(`${OWN_APP}/`);
  /**
   * The oldest of an app that has not ended: rows below the floor have, and it rises as they do. Our own that wait
   * hold it where it is.
   */
  const oldest = (): number | null => {
    if (state.waiting() === 0) {
      reach.floor = highest.get() ?? 0;
      return null;
    }
    let from = reach.floor;
    for (let steps = 0; steps < 20; steps++) {
      const rows = next.all(from, 500);
      const first = rows.find((row) => row.state === QUEUED && !isOwn(row.route));
      if (first !== undefined) return first.since;
      const last = rows.at(-1);
      if (last === undefined) break;
      if (reach.floor === from && rows.every((row) => row.state !== QUEUED)) reach.floor = last.seq;
      from = last.seq;
    }
    // There are very many ended ones: the next survey goes on from here.
    if (next.get(reach.floor, 1) === undefined) reach.floor = Math.max(0, (lowest.get() ?? 1) - 1);
    return null;
  };
  return (now: number): Survey => {
    state.now = Math.max(state.now, now);
    const since = oldest();
    const leased = state.sending();
    const verifying = state.total("verifying");
    const { maxJobs, maxBytes } = state.bounds;
    const bytes = room.used();
    return {
      states: {
        queued: state.waiting() - verifying - leased,
        leased,
        verifying,
        delivered: state.total("delivered"),
        dead: state.total("dead"),
        cancelled: state.total("cancelled"),
      },
      routes: state.surveys(),
      bytes,
      oldestAgeMs: since === null ? null : now - since,
      maxJobs,
      maxBytes,
      full: state.waiting() >= maxJobs ? "jobs" : room.full(bytes) ? "bytes" : null,
    };
  };
}

export function parseTries(log: string | undefined): TryRecord[] {
  if (log === undefined) return [];
  return log
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TryRecord);
}
