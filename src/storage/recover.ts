import { existsSync, renameSync } from "node:fs";
import { type Connection, connectReadonly } from "./connection.ts";
import { toStorageError } from "./error.ts";

/** What to do with a file that has bad pages: move it out of the way, and take over what can still be read. */

/**
 * Renames the file and its WAL to `<path>.damaged-<wall>` and returns that name. The WAL goes first: left behind by
 * a crash in between, it would be replayed into the new file that takes the old one's place.
 */
export function setAside(path: string, wall: number): string {
  let at = wall;
  while (existsSync(`${path}.damaged-${at}`)) at++;
  const damaged = `${path}.damaged-${at}`;
  for (const suffix of ["-wal", "-shm", ""]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, damaged + suffix);
  }
  return damaged;
}

interface Salvage {
  readonly table: string;
  readonly rows: number;
  readonly complete: boolean;
}

/** Copies every readable row of `damaged` into `db`, table by table. Returns one clause for people; throws nothing. */
export function salvage(damaged: string, db: Connection): string {
  let old: Connection | null = null;
  try {
    old = connectReadonly(damaged);
    const source = old;
    const found = db.transaction(() => tablesOf(db).map((table) => copyTable(source, db, table)))();
    return found
      .map(({ table, rows, complete }) => `${table} ${rows} rows${complete ? "" : " (the rest was unreadable)"}`)
      .join(", ");
  } catch (error) {
    return `nothing (${toStorageError(error).message})`;
  } finally {
    old?.close();
  }
}

function tablesOf(db: Connection): string[] {
  const sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
  return db.prepare<[], string>(sql).pluck().all();
}

function columnsOf(db: Connection, table: string): string[] {
  return db.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table);
}

/** Follows the table's own tree by rowid; at a bad page it goes on behind it, in strides that double until one lands. */
function copyTable(old: Connection, db: Connection, table: string): Salvage {
  const known = columnsOf(old, table);
  const columns = columnsOf(db, table).filter((column) => known.includes(column));
  if (columns.length === 0) return { table, rows: 0, complete: false };
  const list = columns.map((column) => `"${column}"`).join(", ");
  const read = old.prepare<[number], unknown[]>(
    `SELECT rowid, ${list} FROM "${table}" NOT INDEXED WHERE rowid >= ? ORDER BY rowid`,
  );
  const write = db.prepare(`INSERT OR IGNORE INTO "${table}" (${list}) VALUES (${columns.map(() => "?").join(", ")})`);
  let rows = 0;
  let complete = true;
  let from = 0;
  let stride = 1;
  while (from <= Number.MAX_SAFE_INTEGER) {
    try {
      for (const [rowid, ...values] of read.raw().iterate(from)) {
        rows += write.run(...values).changes;
        from = Number(rowid) + 1;
        stride = 1;
      }
      return { table, rows, complete };
    } catch (error) {
      if (toStorageError(error).code === "full") throw error;
      // A bad page, or a row so broken that the new table refuses it.
      complete = false;
      from += stride;
      stride *= 2;
    }
  }
  return { table, rows, complete };
}
