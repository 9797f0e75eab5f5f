import { type CallCells, type CallRow, createCellSum } from "../../core/calls.stored.ts";
import { CALL_COUNTS, type CallScope } from "../../core/calls.ts";
import type { Connection } from "../connection.ts";
import type { Migration } from "../migrate.ts";

/**
 * The counts of calls: a row for each minute, and one for each hour, of each scope that had any. The key of a row is
 * its time and then its scope, so that writing appends, the oldest are the first, and one scope's row of one time is
 * found at once. Hours are written from their minutes (rollups.tend).
 */

const CELLS = `
        ${CALL_COUNTS.map((name) => `${name} INTEGER NOT NULL`).join(",\n        ")},
        sum_ms REAL NOT NULL,
        max_ms REAL NOT NULL,
        latency BLOB NOT NULL`;

export const rollupMigrations: readonly Migration[] = [
  {
    number: 8,
    sql: `
      CREATE TABLE call_scopes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        app TEXT NOT NULL,
        capability TEXT NOT NULL,
        last_hour INTEGER NOT NULL,
        UNIQUE (app, capability)
      ) STRICT;
      CREATE TABLE call_minutes (
        id INTEGER PRIMARY KEY,${CELLS}
      ) STRICT;
      CREATE TABLE call_hours (
        id INTEGER PRIMARY KEY,${CELLS}
      ) STRICT;
      CREATE TABLE call_rolled (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        hour INTEGER NOT NULL,
        scope INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE samples (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        scope INTEGER NOT NULL,
        at INTEGER NOT NULL,
        duration_ms REAL NOT NULL,
        outcome TEXT NOT NULL,
        failed INTEGER NOT NULL,
        reason TEXT,
        status INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        request_id TEXT NOT NULL
      ) STRICT;
      CREATE INDEX samples_of_scope ON samples (scope, id);
      CREATE INDEX samples_failed ON samples (scope, id) WHERE failed = 1;
    `,
  },
];

/** Scopes have the lower 26 bits of a row's key, times the 27 above: together a number that JavaScript has exactly. */
const SCOPES = 2 ** 26;
export const MINUTES_IN_HOUR = 60;

/** Key of a row; with scope 0, that of the first of its time. */
export function keyOf(time: number, scope: number): number {
  return time * SCOPES + scope;
}

export function scopeOfKey(key: number): number {
  return key % SCOPES;
}

export function timeOfKey(key: number): number {
  return Math.floor(key / SCOPES);
}

/** The scopes by name; an app's has an empty capability, that of all has no app either. */
export interface Scopes {
  find(scope: CallScope): number | null;
  /** Makes one that is not there, and writes down now and then that it is still called. */
  ensure(scope: CallScope, hour: number): number;
}

/** How far `last_hour` may lag behind: so writing to a scope seldom changes its row. */
export const LAST_HOUR_LAG = 24;

export function openScopes(db: Connection): Scopes {
  const find = db.prepare<[string, string], { id: number; lastHour: number }>(
    "SELECT id, last_hour AS lastHour FROM call_scopes WHERE app = ? AND capability = ?",
  );
  const make = db.prepare<[string, string, number]>(
    "INSERT INTO call_scopes (app, capability, last_hour) VALUES (?, ?, ?)",
  );
  const called = db.prepare<[number, number]>("UPDATE call_scopes SET last_hour = ? WHERE id = ?");
  return {
    find: ({ app, capability }) => find.get(app ?? "", capability ?? "")?.id ?? null,
    ensure({ app, capability }, hour) {
      const known = find.get(app ?? "", capability ?? "");
      if (known === undefined) return Number(make.run(app ?? "", capability ?? "", hour).lastInsertRowid);
      if (known.lastHour < hour - LAST_HOUR_LAG) called.run(hour, known.id);
      return known.id;
    },
  };
}

/** How far hours are written: all before `hour`, and of that one the scopes up to `scope`. */
export interface Rolled {
  readonly hour: number;
  readonly scope: number;
}

export interface Rollups {
  get(key: number): CallCells | undefined;
  /** Rows of these keys, both included, in their order. */
  between(first: number, last: number): (readonly [key: number, cells: CallCells])[];
  /** Adds to what there is. */
  add(key: number, cells: CallCells): void;
  /** In place of what there is. */
  put(key: number, cells: CallCells): void;
}

/** Key, counts in their order, sum, maximum, histogram. */
type Raw = [key: number, ...numbers: number[], latency: Uint8Array];

export function openRollups(db: Connection, table: "call_minutes" | "call_hours"): Rollups {
  const columns = [...CALL_COUNTS, "sum_ms", "max_ms", "latency"];
  const list = ["id", ...columns].join(", ");
  const one = db.prepare<[number], Raw>(`SELECT ${list} FROM ${table} WHERE id = ?`).raw();
  const some = db
    .prepare<[number, number], Raw>(`SELECT ${list} FROM ${table} WHERE id >= ? AND id <= ? ORDER BY id`)
    .raw();
  const put = db.prepare<unknown[]>(
    `INSERT OR REPLACE INTO ${table} (${list}) VALUES (?${", ?".repeat(columns.length)})`,
  );
  const write = (key: number, { counts, sumMs, maxMs, latency }: CallCells): void =>
    void put.run(key, ...counts, sumMs, maxMs, latency);
  const sum = createCellSum();
  const get = (key: number): CallCells | undefined => {
    const raw = one.get(key);
    return raw && cellsOf(raw);
  };
  return {
    get,
    between: (first, last) => some.all(first, last).map((raw) => [raw[0], cellsOf(raw)]),
    add(key, cells) {
      const known = get(key);
      if (known === undefined) return write(key, cells);
      sum.add(known);
      sum.add(cells);
      write(key, sum.take());
    },
    put: write,
  };
}

function cellsOf(raw: Raw): CallCells {
  const [, ...values] = raw;
  const counts = values.slice(0, CALL_COUNTS.length) as number[];
  const [sumMs, maxMs, latency] = values.slice(CALL_COUNTS.length) as [number, number, Uint8Array];
  return { counts, sumMs, maxMs, latency };
}

/** Reads and writes how far hours are written; null before the first. */
export function openRolled(db: Connection): { get(): Rolled | null; set(rolled: Rolled): void } {
  const get = db.prepare<[], Rolled>("SELECT hour, scope FROM call_rolled");
  const set = db.prepare<[Rolled]>("INSERT OR REPLACE INTO call_rolled (id, hour, scope) VALUES (1, @hour, @scope)");
  return { get: () => get.get() ?? null, set: (rolled) => void set.run(rolled) };
}

export function rollupCommands(db: Connection) {
  const scopes = openScopes(db);
  const minutes = openRollups(db, "call_minutes");
  const hours = openRollups(db, "call_hours");
  const rolled = openRolled(db);
  return {
    "calls.add": (rows: readonly CallRow[]): void => {
      const done = rolled.get();
      for (const { minute, cells, ...of } of rows) {
        const hour = Math.floor(minute / MINUTES_IN_HOUR);
        const scope = scopes.ensure(of, hour);
        minutes.add(keyOf(minute, scope), cells);
        // It comes late: its hour is written already.
        const late = done !== null && (hour < done.hour || (hour === done.hour && scope <= done.scope));
        if (late) hours.add(keyOf(hour, scope), cells);
      }
    },
    "calls.known": (scope: CallScope): boolean => scopes.find(scope) !== null,
  };
}
