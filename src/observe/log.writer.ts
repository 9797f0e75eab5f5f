import { write, writeSync } from "node:fs";

/**
 * Writes lines to a file descriptor without waiting for it. What cannot be written is dropped and counted, never
 * tried for ever: pino's own destination, sonic-boom 4, ends in an endless loop when it is flushed onto a full disk
 * or a closed pipe.
 */
export interface LineWriter {
  write(line: string): void;
  /** Writes what is held, waiting for it; gives up on what fails. For the end of the process. */
  flush(): void;
  /** Bytes dropped since the last time it was asked. */
  takeDropped(): number;
}

/** Lines wait in memory while the reader is slow; beyond this they are dropped, since requests must not wait. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;
/** A full pipe without a reader is tried again this often, this far apart. */
const FULL_PIPE_TRIES = 50;
const FULL_PIPE_PAUSE_MS = 20;

export function createLineWriter(fd: number): LineWriter {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let dropped = 0;
  let writing = false;
  const take = (): Buffer => {
    const chunk = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
    held = [];
    heldBytes = 0;
    return chunk;
  };
  const writeOn = (chunk: Buffer): void => {
    writing = true;
    write(fd, chunk, (error, written) => {
      writing = false;
      if (error?.code === "EAGAIN") {
        // Put back in front, with the time of a short pause for the reader; an exit in between flushes it.
        held.unshift(chunk);
        heldBytes += chunk.length;
        setTimeout(next, FULL_PIPE_PAUSE_MS).unref();
        return;
      }
      if (error) dropped += chunk.length;
      else if (written < chunk.length) return writeOn(chunk.subarray(written));
      next();
    });
  };
  const next = (): void => {
    if (!writing && heldBytes > 0) writeOn(take());
  };
  return {
    write(line) {
      const bytes = Buffer.from(line);
      if (heldBytes + bytes.length > MAX_HELD_BYTES) {
        dropped += bytes.length;
        return;
      }
      held.push(bytes);
      heldBytes += bytes.length;
      next();
    },
    flush() {
      if (heldBytes > 0) dropped += writeAll(fd, take());
    },
    takeDropped() {
      const bytes = dropped;
      dropped = 0;
      return bytes;
    },
  };
}

/** How many bytes could not be written. */
function writeAll(fd: number, chunk: Buffer): number {
  let rest = chunk;
  for (let full = 0; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const again = (error as NodeJS.ErrnoException).code === "EAGAIN" && ++full < FULL_PIPE_TRIES;
      if (!again) return rest.length;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
  return 0;
}
