import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { connect } from "./connection.ts";
import type { Schema } from "./database.ts";
import { StorageError } from "./error.ts";
import { migrate } from "./migrate.ts";
import { salvage, setAside } from "./recover.ts";

/**
 * Puts a new file, with all that could be read, in the place of a damaged one. Until the new one is whole the damaged
 * one stays where it is: a process that is killed meanwhile, or a disk that has no room for both, must not leave an
 * empty file behind that everybody takes for a spool without jobs.
 */

/** Under way: worth nothing. */
const mendingPath = (path: string): string => `${path}.mending`;
/** Whole: only names are left to change. */
const mendedPath = (path: string): string => `${path}.mended`;

export interface Rebuilt {
  /** The name that the damaged file has now. */
  readonly damaged: string;
  /** What was recovered: one clause for people. */
  readonly found: string;
}

/** Throws where it can't be done; then the damaged file is where it was. Nobody may have it open. */
export function rebuild(path: string, schema: Schema, wall: number): Rebuilt {
  const mending = mendingPath(path);
  drop(mending);
  try {
    const found = fill(mending, path, schema);
    renameSync(mending, mendedPath(path));
    return { damaged: takePlace(path, wall), found };
  } catch (error) {
    drop(mending);
    throw error;
  }
}

/** To be called before the file is opened: goes on with what a process had begun that was killed. Null for nothing. */
export function finishRebuild(path: string, wall: number): string | null {
  if (existsSync(mendedPath(path))) return takePlace(path, wall);
  drop(mendingPath(path));
  return null;
}

function fill(mending: string, damaged: string, schema: Schema): string {
  const db = connect(mending, schema);
  try {
    needRoom(damaged);
    // What is new needs no log: in one, it would take its room twice.
    db.pragma("journal_mode = DELETE");
    db.pragma("synchronous = FULL");
    migrate(db, mending, schema.migrations);
    const { found, incomplete } = salvage(damaged, db);
    return schema.mend === undefined ? found : `${found}; ${schema.mend(db, incomplete)}`;
  } finally {
    db.close();
  }
}

/** Known before anything is copied: else each command that meets the damage would fill the disk anew. */
function needRoom(damaged: string): void {
  const { bavail, bsize } = statfsSync(dirname(damaged));
  const size = [damaged, `${damaged}-wal`].reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  if (bavail * bsize >= size) return;
  const mib = Math.ceil(size / 2 ** 20);
  throw new StorageError("full", `${damaged} is damaged, and to recover it takes ${mib} MiB of room beside it`);
}

/** Each step may have been done before. */
function takePlace(path: string, wall: number): string {
  syncDir(path);
  const damaged = setAside(path, wall);
  renameSync(mendedPath(path), path);
  syncDir(path);
  return damaged;
}

function syncDir(path: string): void {
  const fd = openSync(dirname(path), "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function drop(path: string): void {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}
