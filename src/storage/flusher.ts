import { closeSync, existsSync, fdatasync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { StorageError } from "./error.ts";

/**
 * Forces a log to its disk. SQLite's own `synchronous=FULL` does the same at the end of each commit, but the thread
 * waits for the disk then, and the next commit is not begun; and it asks for more than is needed (fsync, not
 * fdatasync).
 */
export interface Flusher {
  /** Calls `then` once all that is written by now would survive a power cut; meanwhile the thread goes on. */
  beside(then: () => void): void;
  /** The same before it returns: quickest for who waits, since no other thread has to be woken for it. */
  here(then: () => void): void;
  /** For what wrote nothing, but may have read what is still on its way. */
  behind(then: () => void): void;
  /** There is another file under the name, or soon will be. What is under way is still answered, and first. */
  replaced(): void;
}

/**
 * Of the file that `path` names, which has to be there at the first flush. Where the disk refuses, an error ends the
 * thread: the kernel may have dropped what it could not write, and a later flush would not say so.
 */
export function createFlusher(path: () => string): Flusher {
  let files: Files | null = null;
  /** What a flush beside the thread is on; -1 for none. Of a file that was replaced it may be the old one. */
  let flushing = -1;
  let underWay: (() => void)[] = [];
  let waiting: (() => void)[] = [];

  const refused = (error: unknown): StorageError =>
    new StorageError("failed", `${path()} could not be forced to its disk: ${(error as Error).message}`);
  const open = (): Files => {
    // Asking for the name looks at every folder above it.
    if (files !== null) return files;
    try {
      const name = path();
      files = { here: openSync(name, "r+"), beside: openSync(name, "r+") };
      return files;
    } catch (error) {
      throw refused(error);
    }
  };
  const begin = (): void => {
    flushing = open().beside;
    underWay = waiting;
    waiting = [];
    fdatasync(flushing, ended);
  };
  const ended = (error: Error | null): void => {
    if (error) throw refused(error);
    if (flushing !== files?.beside) closeSync(flushing);
    flushing = -1;
    const done = underWay;
    underWay = [];
    // First, so that the disk has work while these are told.
    if (waiting.length > 0) begin();
    for (const then of done) then();
  };
  return {
    beside(then) {
      waiting.push(then);
      if (flushing < 0) begin();
    },
    here(then) {
      // The old file is under way: the new one follows it, so that all are told in their order.
      if (flushing >= 0 && flushing !== files?.beside) return void waiting.push(then);
      const { here } = open();
      try {
        fdatasyncSync(here);
      } catch (error) {
        throw refused(error);
      }
      const done = [...underWay, ...waiting, then];
      underWay = [];
      waiting = [];
      for (const one of done) one();
    },
    behind(then) {
      if (waiting.length > 0) waiting.push(then);
      else if (underWay.length > 0) underWay.push(then);
      else then();
    },
    replaced() {
      for (const fd of files === null ? [] : [files.here, files.beside]) if (fd !== flushing) closeSync(fd);
      files = null;
    },
  };
}

/**
 * Two for one file, opened together: the kernel tells of an error once for each, and one that told it to the other would
 * say that all is well.
 */
interface Files {
  readonly here: number;
  readonly beside: number;
}

const BLOCK_BYTES = 1024 * 1024;

/**
 * Writes a log that was left behind over itself and forces it to its disk. Where a flush had failed, the kernel may hold
 * pages that it takes for written: they can be read, but a power cut would leave a hole there, and what follows a hole is
 * lost, too.
 */
export function writeAgain(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, "r+");
  try {
    const { size } = fstatSync(fd);
    const block = Buffer.allocUnsafe(Math.min(size, BLOCK_BYTES));
    for (let at = 0; at < size; ) {
      const bytes = readSync(fd, block, 0, block.length, at);
      if (bytes === 0) break;
      at += writeSync(fd, block, 0, bytes, at);
    }
    if (size > 0) fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
