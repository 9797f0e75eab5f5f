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

/** What was recovered. */
export interface Salvaged {
  /** One clause for people. */
  readonly found: string;
  /** Tables that could not be read to their end. */
  readonly incomplete: ReadonlySet<string>;
}

interface Salvage {
  readonly table: string;
  readonly rows: number;
  readonly complete: boolean;
}

/**
 * Copies every readable row of `damaged` into `db`, table by table. Throws only where the copy has no room: what can't
 * be read is damage, what can't be written is not.
 */
export function salvage(damaged: string, db: Connection): Salvaged {
  let old: Connection | null = null;
  try {
    old = connectReadonly(damaged);
    const source = old;
    const copied = db.transaction(() => tablesOf(db).map((table) => copyTable(source, db, table)))();
    const incomplete = new Set(copied.filter(({ complete }) => !complete).map(({ table }) => table));
    const clauses = copied.map(
      ({ table, rows, complete }) => `${table} ${rows} rows${complete ? "" : " (the rest was unreadable)"}`,
    );
    return { found: clauses.join(", "), incomplete };
  } catch (error) {
    const problem = toStorageError(error);
    if (problem.code === "full") throw problem;
    return { found: `nothing (${problem.message})`, incomplete: new Set(tablesOf(db)) };
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

/** Reads that may fail in one table before the rest is given up. */
const MAX_FAILURES = 4096;

/**
 * Follows the table's own tree by rowid, from both ends up to a bad page, and then into the halves of what is left.
 * Nothing readable may be jumped over, however far apart rowids are: those of jobs are times.
 */
function copyTable(old: Connection, db: Connection, table: string): Salvage {
  const known = columnsOf(old, table);
  const columns = columnsOf(db, table).filter((column) => known.includes(column));
  if (columns.length === 0) return { table, rows: 0, complete: false };
  const list = columns.map((column) => `"${column}"`).join(", ");
  const reading = (order: "ASC" | "DESC") =>
    old
      .prepare<[number, number], unknown[]>(
        `SELECT rowid, ${list} FROM "${table}" NOT INDEXED WHERE rowid >= ? AND rowid < ? ORDER BY rowid ${order}`,
      )
      .raw();
  const [upwards, downwards] = [reading("ASC"), reading("DESC")];
  const write = db.prepare(`INSERT OR IGNORE INTO "${table}" (${list}) VALUES (${columns.map(() => "?").join(", ")})`);
  let rows = 0;
  let failures = 0;
  /** False where a bad page kept it from the end, or a row so broken that the new table refuses it. */
  const copy = (read: typeof upwards, from: number, to: number, done: (rowid: number) => void): boolean => {
    try {
      for (const [rowid, ...values] of read.iterate(from, to)) {
        rows += write.run(...values).changes;
        done(Number(rowid));
      }
      return true;
    } catch (error) {
      if (toStorageError(error).code === "full") throw error;
      failures++;
      return false;
    }
  };
  const gaps: (readonly [from: number, to: number])[] = [[0, Number.MAX_SAFE_INTEGER]];
  // Grows meanwhile: the widest gaps are looked into first.
  for (const [first, end] of gaps) {
    if (failures >= MAX_FAILURES) break;
    let [from, to] = [first, end];
    const whole =
      copy(upwards, from, to, (rowid) => {
        from = rowid + 1;
      }) ||
      copy(downwards, from, to, (rowid) => {
        to = rowid;
      });
    const middle = from + Math.floor((to - from) / 2);
    if (!whole && middle > from) gaps.push([from, middle], [middle, to]);
  }
  return { table, rows, complete: failures === 0 };
}
