import { Readable } from "node:stream";
import type { Io } from "../../src/cli/command.ts";

/** An `Io` that keeps what a command prints, and ends it when asked. */
export function createIo(given: Partial<Io> = {}): Io & { out(): string; err(): string; abort(): void } {
  const controller = new AbortController();
  let out = "";
  let err = "";
  return {
    env: {},
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    isTTY: false,
    columns: null,
    isErrTTY: false,
    write: async (chunk) => {
      out += Buffer.from(chunk).toString();
    },
    stdin: () => Readable.from([]),
    cwd: process.cwd(),
    signal: controller.signal,
    ...given,
    out: () => out,
    err: () => err,
    abort: () => controller.abort(),
  };
}
