import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { StorageError } from "./error.ts";

/**
 * Makes the data directory (0700) and those above it that are missing; one that is there stays as it is. Throws a
 * `StorageError` that says what to change. Not by `mkdirSync` with `recursive`: that goes round for ever where a
 * directory exists and yet nothing can be made in it, as in /proc.
 */
export function makeDataDir(dataDir: string): void {
  try {
    make(dataDir);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new StorageError(
      "failed",
      `data_dir: ${dataDir} can't be made (${message}): set a directory that this user may write to`,
      { cause: error },
    );
  }
}

/** Where a copy of the spool is made, on the disk that has room for one. `wall`: Unix milliseconds. */
export function copyPath(dataDir: string, wall: number): string {
  return join(dataDir, `spool.db.copy-${wall}`);
}

const COPY = /^spool\.db\.copy-\d+(?:-journal|-wal|-shm)?$/;

/** Removes what is left of copies whose process was killed: each is as large as the spool. */
export function dropCopies(dataDir: string): void {
  for (const name of readdirSync(dataDir)) {
    if (!COPY.test(name)) continue;
    try {
      rmSync(join(dataDir, name));
    } catch {
      // It takes room, and is in nobody's way.
    }
  }
}

function make(path: string): void {
  try {
    makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== "ENOENT" || parent === path) throw error;
    make(parent);
    makeOne(path);
  }
}

function makeOne(path: string): void {
  try {
    // Payloads and tokens end up here: nobody else may look.
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Some file systems say EROFS or EACCES of a directory that is there.
    if (codeOf(error) === "ENOENT" || !isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}
