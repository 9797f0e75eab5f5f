import { type Connection, connect, connectReadonly } from "./connection.ts";
import { isDamage, type StorageCode, StorageError, toStorageError } from "./error.ts";
import { type Migration, migrate } from "./migrate.ts";
import { salvage, setAside } from "./recover.ts";

/** A command is one call by name, as it crosses the threads. */
export type Command = readonly [name: string, arg: unknown];
export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: StorageCode; readonly message: string };

/** Commands change nothing but the database: a batch may be rolled back and run again. */
export type Commands = Readonly<Record<string, (arg: never) => unknown>>;

/** What a file holds: its migrations in order, and the statements, prepared on an open connection. */
export interface Schema {
  readonly file: string;
  readonly migrations: readonly Migration[];
  readonly commands: (db: Connection) => Commands;
}

export interface Database {
  readonly path: string;
  /** How often the file was replaced since it was opened. */
  readonly repairs: () => number;
  /** Runs all in one transaction; replies come in the same order, and a command that fails spoils no other. */
  run(commands: readonly Command[]): Reply[];
  /** Sets the file aside for `reason` and goes on with a new one that holds what could be read. */
  repair(reason: string): void;
  /** Checkpoints and closes. Twice is safe. */
  close(): void;
}

export interface DatabaseOptions {
  readonly path: string;
  readonly schema: Schema;
  /** Unix milliseconds, for the name of a damaged file. */
  readonly wall: () => number;
  /** Hears of a state that an operator must know: once when it begins, not with every command. */
  readonly onFailing: (detail: string) => void;
}

interface Live {
  readonly db: Connection;
  readonly commands: Commands;
}

/** Opens and migrates the file; a damaged one is repaired first. Throws `StorageError`. */
export function openDatabase(options: DatabaseOptions): Database {
  const { path, wall, onFailing } = options;
  let repairs = 0;
  let failing: StorageCode | null = null;
  let closed = false;
  let live: Live | null = openOrReplace();

  function openOrReplace(): Live {
    try {
      return open(options);
    } catch (error) {
      if (isDamage(error)) return replace(toStorageError(error).message);
      throw toStorageError(error);
    }
  }

  function replace(reason: string): Live {
    repairs++;
    const damaged = setAside(path, wall());
    const fresh = open(options);
    onFailing(`${path} was damaged (${reason}); it is kept as ${damaged}; recovered: ${salvage(damaged, fresh.db)}`);
    return fresh;
  }

  function mend(reason: string): void {
    if (live) shut(live.db);
    live = null;
    live = replace(reason);
  }

  /** Says once that commands fail; the next batch that goes through ends that state. */
  function report(code: StorageCode, message: string): void {
    if (failing !== code) onFailing(message);
    failing = code;
  }

  function attempt(commands: readonly Command[]): Reply[] {
    if (closed) throw new StorageError("closed", `${path} is closed`);
    live ??= openOrReplace();
    const replies = transact(live, commands);
    const full = replies.find((reply) => !reply.ok && reply.code === "full");
    if (full && !full.ok) report(full.code, full.message);
    else failing = null;
    return replies;
  }

  function attemptTwice(commands: readonly Command[]): Reply[] {
    try {
      return attempt(commands);
    } catch (error) {
      if (!isDamage(error)) throw error;
      mend(toStorageError(error).message);
      return attempt(commands);
    }
  }

  return {
    path,
    repairs: () => repairs,
    run(commands) {
      try {
        return attemptTwice(commands);
      } catch (error) {
        const problem = toStorageError(error);
        report(problem.code, problem.message);
        return commands.map(() => failure(problem));
      }
    },
    repair(reason) {
      try {
        mend(reason);
      } catch (error) {
        const problem = toStorageError(error);
        report(problem.code, problem.message);
      }
    },
    close() {
      closed = true;
      if (live) shut(live.db);
      live = null;
    },
  };
}

function open({ path, schema }: DatabaseOptions): Live {
  const db = connect(path);
  try {
    migrate(db, path, schema.migrations);
    return { db, commands: schema.commands(db) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** All at once; if one fails, once more with a savepoint around each, so that only that one is undone. */
function transact({ db, commands }: Live, batch: readonly Command[]): Reply[] {
  const perform = ([name, arg]: Command): Reply => {
    const command = commands[name];
    if (!command) throw new Error(`storage has no command ${name}`);
    return { ok: true, value: command(arg as never) };
  };
  try {
    return db.transaction(() => batch.map(perform)).immediate();
  } catch (error) {
    if (isDamage(error)) throw error;
  }
  const careful = db.transaction(perform);
  return db
    .transaction(() =>
      batch.map((command): Reply => {
        try {
          return careful(command);
        } catch (error) {
          // When SQLite has ended the whole transaction (disk full, i/o error), nothing in it was kept.
          if (isDamage(error) || !db.inTransaction) throw error;
          return failure(toStorageError(error));
        }
      }),
    )
    .immediate();
}

function failure({ code, message }: StorageError): Reply {
  return { ok: false, code, message };
}

function shut(db: Connection): void {
  try {
    db.pragma("wal_checkpoint(TRUNCATE)");
  } catch {
    // A damaged or full file cannot be checkpointed: its WAL stays and is replayed at the next open.
  }
  db.close();
}

/** Reads every page of the file (sqlite.org/pragma.html#pragma_quick_check). Returns what is wrong with it. */
export function quickCheck(path: string): string[] {
  const db = connectReadonly(path);
  try {
    const found = db.prepare<[], string>("PRAGMA quick_check(10)").pluck().all();
    return found.filter((line) => line !== "ok");
  } catch (error) {
    if (isDamage(error)) return [toStorageError(error).message];
    throw error;
  } finally {
    db.close();
  }
}
