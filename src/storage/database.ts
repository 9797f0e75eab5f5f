import { closeSync, existsSync, openSync, realpathSync } from "node:fs";
import { type Connection, type ConnectOptions, connect, connectReadonly } from "./connection.ts";
import { isDamage, type StorageCode, StorageError, toStorageError } from "./error.ts";
import { createFlusher, writeAgain } from "./flusher.ts";
import { type Migration, migrate } from "./migrate.ts";
import { finishRebuild, rebuild } from "./rebuild.ts";
import { createLive, failure, type Live, NO_HOOKS, transact } from "./transact.ts";

/** A command is one call by name, as it crosses the threads. */
export type Command = readonly [name: string, arg: unknown];
export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: StorageCode; readonly message: string };

/** Commands change nothing but the database: a batch may be rolled back and run again. */
export type Commands = Readonly<Record<string, (arg: never) => unknown>>;

/** For commands that hold something of the file in memory. */
export interface Hooks {
  /** Called inside each transaction, before it is committed: writes what was only counted so far. */
  readonly flush: () => void;
  /** Something was undone: reads everything anew. */
  readonly reload: () => void;
  /** Is a commit to survive a power cut? */
  readonly durable: () => boolean;
}

/** What a file holds: its migrations in order, and the statements, prepared on an open connection. */
export interface Schema extends ConnectOptions {
  readonly file: string;
  readonly migrations: readonly Migration[];
  /** `hook` is to be called at most once. */
  readonly commands: (db: Connection, hook: (hooks: Hooks) => void) => Commands;
  /**
   * After a damaged file was read as far as it goes: puts in order what no longer fits together, `incomplete` being the
   * tables that lost rows. One clause for people.
   */
  readonly mend?: (db: Connection, incomplete: ReadonlySet<string>) => string;
}

export interface Database {
  readonly path: string;
  /** How often the file was replaced since it was opened. */
  readonly repairs: () => number;
  /** Runs all in one transaction; replies come in the same order, and a command that fails spoils no other. */
  run(commands: readonly Command[]): Reply[];
  /**
   * Calls `then` once all that was run survives what it is to survive: of `durable` commands, a power cut. `urgent`:
   * before it returns, since somebody waits.
   */
  synced(urgent: boolean, then: () => void): void;
  /** Sets the file aside for `reason` and goes on with a new one that holds what could be read. */
  repair(reason: string): void;
  /** Copies the file, as it is at the end of the copying, while commands go on. */
  backup(to: string): Promise<void>;
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
  /** Begins to read out a damaged file: of a large one that takes minutes. */
  readonly onRecovering?: () => void;
}

/** Opens and migrates the file; a damaged one is repaired first. Throws `StorageError`. */
export function openDatabase(options: DatabaseOptions): Database {
  const { path, wall, onFailing } = options;
  let repairs = 0;
  let failing: StorageCode | null = null;
  let closed = false;
  const flusher = createFlusher(() => logOf(path));
  /** There is something in the log that is to survive a power cut, and was not flushed. */
  let owed = false;
  let live: Live | null = openOrReplace();

  function openOrReplace(): Live {
    try {
      const damaged = finishRebuild(path, wall());
      if (damaged !== null)
        onFailing(`${path} was damaged; it is kept as ${damaged}; recovered: all that was readable`);
      return open(options);
    } catch (error) {
      if (isDamage(error)) return replace(toStorageError(error).message);
      throw toStorageError(error);
    }
  }

  function replace(reason: string): Live {
    options.onRecovering?.();
    const { damaged, found } = rebuild(path, options.schema, wall());
    repairs++;
    const fresh = open(options);
    onFailing(`${path} was damaged (${reason}); it is kept as ${damaged}; recovered: ${found}`);
    return fresh;
  }

  function mend(reason: string): void {
    if (live) shut(live.db);
    live = null;
    flusher.replaced();
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
    const { hooks } = live;
    const durable = hooks.durable();
    const replies = transact(live, commands);
    // One of them may have changed what is asked of the others.
    if ((durable || hooks.durable()) && live.written()) owed = true;
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
    synced(urgent, then) {
      // What only read waits, too: it may have seen what is not on the disk yet.
      if (!owed) return flusher.behind(then);
      owed = false;
      if (urgent) flusher.here(then);
      else flusher.beside(then);
    },
    repair(reason) {
      try {
        mend(reason);
      } catch (error) {
        const problem = toStorageError(error);
        report(problem.code, problem.message);
      }
    },
    async backup(to) {
      if (closed) throw new StorageError("closed", `${path} is closed`);
      live ??= openOrReplace();
      // For its owner only, as the file itself is.
      closeSync(openSync(to, "a", 0o600));
      await live.db.backup(to);
    },
    close() {
      closed = true;
      if (live) shut(live.db);
      live = null;
      flusher.replaced();
    },
  };
}

function open({ path, schema }: DatabaseOptions): Live {
  writeAgain(logOf(path));
  const db = connect(path, schema);
  let hooks = NO_HOOKS;
  try {
    migrate(db, path, schema.migrations);
    const commands = schema.commands(db, (given) => {
      hooks = given;
    });
    return createLive(db, commands, hooks);
  } catch (error) {
    db.close();
    throw error;
  }
}

function shut(db: Connection): void {
  try {
    db.pragma("wal_checkpoint(TRUNCATE)");
  } catch {
    // A damaged or full file cannot be checkpointed: its WAL stays and is replayed at the next open.
  }
  db.close();
}

/** Where SQLite has it: beside the file itself, should the name be a link. */
function logOf(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : path}-wal`;
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
