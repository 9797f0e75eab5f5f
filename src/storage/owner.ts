import { chmodSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { isDamage, StorageError } from "./error.ts";

/**
 * One data directory has one owner: who holds the write lock of `owner.db`. The kernel frees it with the process,
 * however that ends. The lock is a transaction that stays open (RESERVED, sqlite.org/lockingv3.html): it shuts out
 * every second owner, but still lets that one read who the first is.
 */
export interface Owner {
  release(): void;
}

/** Longer than commands that ask who the owner is (`ownerOf`) can hold it up. */
const ASKED_MS = 250;
/** Longer than one of them holds up another; so much each costs where there is an owner, who holds the lock for life. */
const ASKING_MS = 50;

/** Takes the directory or throws a `StorageError` of code `owned`. `pid` is kept for the message only. */
export function acquireOwner(dataDir: string, pid: number): Owner {
  const path = join(dataDir, "owner.db");
  const db = new Sqlite(path, { timeout: ASKED_MS });
  try {
    lock(db, pid);
    // Not before: whoever opens and closes a file that this process has locked gives the lock away.
    chmodSync(path, 0o600);
    return { release: () => void db.close() };
  } catch (error) {
    const refusal = explain(db, dataDir, path, pid, error);
    db.close();
    throw refusal;
  }
}

/**
 * The process that holds the lock; null where none does, or where this user can't tell. Who asks has the lock itself for
 * a moment if nobody else does: an owner waits that long, and so does another who asks, or would take it for an owner.
 */
export function ownerOf(dataDir: string): number | null {
  try {
    using probe = openExisting(join(dataDir, "owner.db"));
    const { db } = probe;
    try {
      db.exec("BEGIN IMMEDIATE");
      return null;
    } catch (error) {
      return isBusy(error) ? readPid(db) : null;
    }
  } catch {
    return null;
  }
}

function openExisting(path: string) {
  const db = new Sqlite(path, { timeout: ASKING_MS, fileMustExist: true });
  return { db, [Symbol.dispose]: () => void db.close() };
}

function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith("SQLITE_BUSY");
}

function lock(db: Sqlite.Database, pid: number): void {
  db.exec("BEGIN IMMEDIATE");
  db.exec("CREATE TABLE IF NOT EXISTS owner (id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER NOT NULL) STRICT");
  db.prepare("INSERT OR REPLACE INTO owner (id, pid) VALUES (1, ?)").run(pid);
  // Someone may be reading the pid just now: the commit waits for that, the lock itself waits for nobody.
  db.pragma("busy_timeout = 1000");
  db.exec("COMMIT");
  db.pragma(`busy_timeout = ${ASKED_MS}`);
  db.exec("BEGIN IMMEDIATE");
}

function explain(db: Sqlite.Database, dataDir: string, path: string, pid: number, error: unknown): unknown {
  if (isDamage(error)) {
    // Setting it aside would let a second owner in beside a first that is still running.
    return new StorageError("damaged", `${path} is damaged: it holds no data, delete it once no Outrigger runs there`);
  }
  if (!isBusy(error)) return error;
  const other = readPid(db);
  const who = other === pid ? "this very process" : other === null ? "another process" : `process ${other}`;
  return new StorageError("owned", `${dataDir} is in use by ${who}: stop that Outrigger, or set another data_dir`);
}

function readPid(db: Sqlite.Database): number | null {
  try {
    if (db.inTransaction) db.exec("ROLLBACK");
    db.pragma("busy_timeout = 1000");
    const row = db.prepare<[], { pid: number }>("SELECT pid FROM owner").get();
    return row?.pid ?? null;
  } catch {
    return null;
  }
}
