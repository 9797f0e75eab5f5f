import { chmodSync, existsSync } from "node:fs";
import Sqlite from "better-sqlite3";

export type Connection = Sqlite.Database;

/** A WAL that a burst made large shrinks to this at the next checkpoint. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;

/** Written to the WAL until it is copied into the file: pages that every commit changes are copied once. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024;

export interface ConnectOptions {
  /** Of a new file. */
  readonly pageBytes?: number;
}

/**
 * Opens the file for its one writer: WAL, and `synchronous=NORMAL`, under which a commit survives the death of the
 * process at once, and a power cut from the next checkpoint or the next flush of the WAL on
 * (sqlite.org/pragma.html#pragma_synchronous).
 * A new file is for its owner only (0600), for the directory may be an older one that is open to others.
 */
export function connect(path: string, { pageBytes = 4096 }: ConnectOptions = {}): Connection {
  const created = !existsSync(path);
  const db = new Sqlite(path, { timeout: 5_000 });
  try {
    // Before the WAL is made, which takes its mode from the file.
    if (created) chmodSync(path, 0o600);
    db.pragma(`page_size = ${pageBytes}`);
    db.pragma("journal_mode = WAL");
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_BYTES / Number(db.pragma("page_size", { simple: true }))}`);
    db.pragma("synchronous = NORMAL");
    db.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
    db.pragma("foreign_keys = ON");
    // Bad cells are found when a page is read, before their content is taken for data.
    db.pragma("cell_size_check = ON");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens the file beside its writer, for reading only. */
export function connectReadonly(path: string): Connection {
  return new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
}
