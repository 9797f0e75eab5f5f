import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Connection } from "./connection.ts";
import { isDamage, StorageError } from "./error.ts";

/** One step forward. Numbers run 1, 2, 3 … in each file; a step that was released is never changed. */
export interface Migration {
  readonly number: number;
  readonly sql: string;
}

/**
 * Brings the file up to the last of `migrations`, all or nothing. Its number is kept in `user_version`. Before an
 * existing file is touched a copy is kept beside it as `<file>.before-<number>`, the last one only.
 * Throws `StorageError` of code `newer` or `migration`; the file is then as it was.
 */
export function migrate(db: Connection, path: string, migrations: readonly Migration[]): void {
  const version = Number(db.pragma("user_version", { simple: true }));
  const newest = migrations.at(-1)?.number ?? 0;
  if (version > newest) {
    const detail = `its schema is number ${version}, this one knows up to ${newest}`;
    throw new StorageError("newer", `${path} was written by a newer Outrigger (${detail}): run that one`);
  }
  const pending = migrations.filter(({ number }) => number > version);
  if (pending.length === 0) return;
  const copy = `${path}.before-${newest}`;
  if (version > 0) keepCopy(db, copy);
  let at = 0;
  try {
    db.transaction(() => {
      for (const { number, sql } of pending) {
        at = number;
        db.exec(sql);
      }
      db.pragma(`user_version = ${newest}`);
    }).immediate();
  } catch (error) {
    if (isDamage(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StorageError("migration", `${path}: migration ${at} failed, nothing was changed: ${reason}`, {
      cause: error,
    });
  }
  if (version > 0) dropOtherCopies(path, copy);
}

function keepCopy(db: Connection, copy: string): void {
  // Left by a migration that failed: of the same state as the file is in now.
  if (existsSync(copy)) rmSync(copy);
  db.prepare("VACUUM INTO ?").run(copy);
  chmodSync(copy, 0o600);
}

function dropOtherCopies(path: string, kept: string): void {
  const prefix = `${basename(path)}.before-`;
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix) && name !== basename(kept)) rmSync(join(dirname(path), name));
  }
}
