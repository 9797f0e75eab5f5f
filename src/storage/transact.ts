import type { Connection } from "./connection.ts";
import type { Command, Commands, Hooks, Reply } from "./database.ts";
import { isDamage, type StorageError, toStorageError } from "./error.ts";

/** An open file with its statements. */
export interface Live {
  readonly db: Connection;
  readonly commands: Commands;
  readonly hooks: Hooks;
  /** Runs a batch in one transaction; throws for all where one fails. */
  readonly together: (batch: readonly Command[]) => Reply[];
  /** Were rows changed since it was last asked? */
  readonly written: () => boolean;
  /** Reading anew failed: it is to be done before anything else. */
  stale: boolean;
}

export const NO_HOOKS: Hooks = { flush: () => {}, reload: () => {}, durable: () => false };

export function createLive(db: Connection, commands: Commands, hooks: Hooks): Live {
  // Made once: the wrapper costs more than a small transaction.
  const { immediate } = db.transaction((batch: readonly Command[]) => {
    const replies = batch.map((command) => perform(commands, command));
    hooks.flush();
    return replies;
  });
  const changes = db.prepare<[], number>("SELECT total_changes()").pluck();
  let known = 0;
  const written = (): boolean => {
    const before = known;
    known = changes.get() ?? 0;
    return known !== before;
  };
  return { db, commands, hooks, together: immediate, written, stale: false };
}

function perform(commands: Commands, [name, arg]: Command): Reply {
  const command = commands[name];
  if (!command) throw new Error(`storage has no command ${name}`);
  return { ok: true, value: command(arg as never) };
}

/** All at once; if one fails, once more with a savepoint around each, so that only that one is undone. */
export function transact(live: Live, batch: readonly Command[]): Reply[] {
  const { db, commands, hooks } = live;
  const undone = (): void => {
    live.stale = true;
    hooks.reload();
    live.stale = false;
  };
  if (live.stale) undone();
  try {
    return live.together(batch);
  } catch (error) {
    if (isDamage(error)) throw error;
    undone();
  }
  const careful = db.transaction((command: Command) => {
    const reply = perform(commands, command);
    hooks.flush();
    return reply;
  });
  const one = (command: Command): Reply => {
    try {
      return careful(command);
    } catch (error) {
      // When SQLite has ended the whole transaction (disk full, i/o error), nothing in it was kept.
      if (isDamage(error) || !db.inTransaction) throw error;
      undone();
      return failure(toStorageError(error));
    }
  };
  try {
    return db.transaction(() => batch.map(one)).immediate();
  } catch (error) {
    if (!isDamage(error)) undone();
    throw error;
  }
}

export function failure({ code, message }: StorageError): Reply {
  return { ok: false, code, message };
}
