import type { Io } from "./command.ts";

/** How far long work is: one line on stderr that is written over, for people; nothing anywhere else. */
export interface Progress extends Disposable {
  show(text: string): void;
}

const CLEAR = "\r\u001b[K";

export function createProgress(io: Io): Progress {
  let shown = false;
  return {
    show(text) {
      if (!io.isErrTTY) return;
      shown = true;
      io.stderr(`${CLEAR}${text}`);
    },
    // What is printed next begins on an empty line.
    [Symbol.dispose]() {
      if (shown) io.stderr(CLEAR);
      shown = false;
    },
  };
}
