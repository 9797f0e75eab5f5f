import { addCells, type CallBounds, cellsOf } from "../../core/calls.stored.ts";
import { type CallTally, emptyTally } from "../../core/calls.ts";
import type { Connection } from "../connection.ts";
import {
  keyOf,
  LAST_HOUR_LAG,
  MINUTES_IN_HOUR,
  openRolled,
  openRollups,
  type Rolled,
  scopeOfKey,
  timeOfKey,
} from "./rollups.ts";

/** Writes hours from their minutes, and drops what is too old or too much: a small step each time. */

/** Scopes whose hour one step writes. */
const ROLLED = 32;
/** Rows that one step drops of each table. */
const DROPPED = 500;

export function rollupTending(db: Connection) {
  return { "calls.roll": rolling(db), "calls.prune": pruning(db) };
}

function rolling(db: Connection): (before: number) => boolean {
  const minutes = openRollups(db, "call_minutes");
  const hours = openRollups(db, "call_hours");
  const rolled = openRolled(db);
  const scopesAfter = db
    .prepare<[number, number], number>("SELECT id FROM call_scopes WHERE id > ? ORDER BY id LIMIT ?")
    .pluck();
  const firstFrom = db
    .prepare<[number], number>("SELECT id FROM call_minutes WHERE id >= ? ORDER BY id LIMIT 1")
    .pluck();

  /** The first hour from `hour` on that has minutes: the quiet ones between need no step. */
  const nextHour = (hour: number): number | null => {
    const key = firstFrom.get(keyOf(hour * MINUTES_IN_HOUR, 0));
    return key === undefined ? null : Math.floor(timeOfKey(key) / MINUTES_IN_HOUR);
  };
  const write = (hour: number, first: number, last: number): void => {
    const sums = new Map<number, CallTally>();
    for (let minute = hour * MINUTES_IN_HOUR; minute < (hour + 1) * MINUTES_IN_HOUR; minute++) {
      for (const [key, cells] of minutes.between(keyOf(minute, first), keyOf(minute, last))) {
        const scope = scopeOfKey(key);
        const sum = sums.get(scope) ?? emptyTally();
        sums.set(scope, sum);
        addCells(sum, cells);
      }
    }
    for (const [scope, sum] of sums) hours.put(keyOf(hour, scope), cellsOf(sum));
  };
  return (before) => {
    const known: Rolled | null = rolled.get();
    const hour = known !== null && known.scope > 0 ? known.hour : nextHour(known?.hour ?? 0);
    if (hour === null || hour >= before) {
      // What comes for an hour that is over is late, also where nothing had come before.
      if (known !== null && known.hour < before) rolled.set({ hour: before, scope: 0 });
      return false;
    }
    const scopes = scopesAfter.all(hour === known?.hour ? known.scope : 0, ROLLED);
    const [first, last] = [scopes[0], scopes.at(-1)];
    if (first !== undefined && last !== undefined) write(hour, first, last);
    const ended = last === undefined || scopes.length < ROLLED;
    rolled.set(ended ? { hour: hour + 1, scope: 0 } : { hour, scope: last });
    return true;
  };
}

function pruning(db: Connection): (bounds: CallBounds) => boolean {
  const rolled = openRolled(db);
  const samples = db.prepare<[number, number]>(
    "DELETE FROM samples WHERE id IN (SELECT id FROM samples ORDER BY id LIMIT ?) AND at < ?",
  );
  const first = (table: string) =>
    db.prepare<[number, number]>(
      `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE id < ? ORDER BY id LIMIT ?)`,
    );
  const [minutes, hours] = [first("call_minutes"), first("call_hours")];
  const scopes = db.prepare<[number, number]>(
    "DELETE FROM call_scopes WHERE id IN (SELECT id FROM call_scopes WHERE last_hour < ? LIMIT ?)",
  );
  const used = db
    .prepare<[], number>(
      `SELECT (page_count - freelist_count) * page_size
         FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`,
    )
    .pluck();
  return ({ minute, hour, samplesMs, maxBytes }) => {
    const written = (rolled.get()?.hour ?? 0) * MINUTES_IN_HOUR;
    const dropped = [
      samples.run(DROPPED, samplesMs).changes,
      minutes.run(keyOf(Math.min(minute, written), 0), DROPPED).changes,
      hours.run(keyOf(hour, 0), DROPPED).changes,
      scopes.run(hour - 2 * LAST_HOUR_LAG, DROPPED).changes,
    ];
    if (dropped.includes(DROPPED)) return true;
    if ((used.get() ?? 0) <= maxBytes) return false;
    const forRoom =
      samples.run(DROPPED, Number.MAX_SAFE_INTEGER).changes ||
      minutes.run(keyOf(written, 0), DROPPED).changes ||
      hours.run(Number.MAX_SAFE_INTEGER, DROPPED).changes;
    return forRoom > 0;
  };
}
