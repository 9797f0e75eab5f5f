/**
 * Why storage could not do something. `owned`: another process has the data directory; `newer`: a newer program wrote
 * the file; `migration`: bringing the file up to date failed, it is as it was; `damaged`: bad pages; `full`: no room
 * on the disk; `busy`: too much is waiting; `thread`: the storage thread ended and is being started again; `closed`;
 * `failed`: anything else.
 */
export type StorageCode =
  | "owned"
  | "newer"
  | "migration"
  | "damaged"
  | "full"
  | "busy"
  | "thread"
  | "closed"
  | "failed";

export class StorageError extends Error {
  readonly code: StorageCode;
  constructor(code: StorageCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StorageError";
    this.code = code;
  }
}

/** Any error as ours: SQLite's result codes are told apart here and nowhere else (sqlite.org/rescode.html). */
export function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StorageError(codeOf(error), message, { cause: error });
}

function codeOf(error: unknown): StorageCode {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Extended codes carry their kind in front: SQLITE_CORRUPT_INDEX.
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") return "damaged";
  return code === "SQLITE_FULL" || code === "ENOSPC" ? "full" : "failed";
}

/** Does this error mean bad pages in the file? */
export function isDamage(error: unknown): boolean {
  return toStorageError(error).code === "damaged";
}
