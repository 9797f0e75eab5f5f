import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";
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
  settled(then: () => void): void;
  /** There is another file under the name, or soon will be. What is under way is still answered, and first. */
  replaced(): void;
}

/**
 * Of the file at `path`, which has to be there at the first flush. Where the disk refuses, an error ends the thread: the
 * kernel may have dropped what it could not write, and a later flush would not say so. Who comes next begins with what
 * can be read.
 */
export function createFlusher(path: string): Flusher {
  let fd = -1;
  /** It is not the file of that name any more. */
  let old = false;
  let busy = false;
  let underWay: (() => void)[] = [];
  let waiting: (() => void)[] = [];

  const close = (): void => {
    if (fd >= 0) closeSync(fd);
    fd = -1;
    old = false;
  };
  const open = (): number => {
    if (old && !busy) close();
    if (fd < 0) fd = openSync(path, "r+");
    return fd;
  };
  const begin = (): void => {
    underWay = waiting;
    waiting = [];
    busy = true;
    fdatasync(open(), ended);
  };
  const ended = (error: Error | null): void => {
    if (error) throw refused(error);
    busy = false;
    const done = underWay;
    underWay = [];
    // First, so that the disk has work while these are told.
    if (waiting.length > 0) begin();
    else if (old) close();
    for (const then of done) then();
  };
  const refused = (error: unknown): StorageError =>
    new StorageError("failed", `${path} could not be forced to its disk: ${(error as Error).message}`);
  return {
    beside(then) {
      waiting.push(then);
      if (!busy) begin();
    },
    here(then) {
      // Another file is under way: this one follows it.
      if (old && busy) return void waiting.push(then);
      try {
        fdatasyncSync(open());
      } catch (error) {
        throw refused(error);
      }
      const done = [...underWay, ...waiting, then];
      underWay = [];
      waiting = [];
      for (const one of done) one();
    },
    settled(then) {
      if (waiting.length > 0) waiting.push(then);
      else if (underWay.length > 0) underWay.push(then);
      else then();
    },
    replaced() {
      if (busy) old = true;
      else close();
    },
  };
}
