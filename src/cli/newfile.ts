import { open, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { err, ok, type Result } from "../core/result.ts";
import type { Download } from "./client.ts";
import type { Io } from "./command.ts";
import { printable } from "./table.ts";
import type { Failure } from "./target.ts";

/**
 * Writes what is downloaded into a file that was not there, for its owner only: it holds payloads and secrets. One
 * that did not become whole is removed. `seen` is shown each chunk. Gives the number of bytes.
 */
export async function saveNew(
  io: Io,
  name: string,
  download: () => Promise<Result<Download, Failure>>,
  seen: (chunk: Uint8Array, size: number | null) => void,
): Promise<Result<number, Failure>> {
  const path = resolve(io.cwd, name);
  let whole = false;
  try {
    // Before anything is asked for: that it cannot be written is known at once.
    await using file = await open(path, "wx", 0o600);
    await using made = new AsyncDisposableStack();
    made.defer(async () => {
      if (!whole) await rm(path, { force: true });
    });
    const opened = await download();
    if (!opened.ok) return opened;
    let bytes = 0;
    for await (const chunk of opened.value.body) {
      await file.writeFile(chunk);
      bytes += chunk.length;
      seen(chunk, opened.value.size);
    }
    await file.sync();
    whole = true;
    return ok(bytes);
  } catch (error) {
    return err(notWritten(error, name));
  }
}

function notWritten(error: unknown, name: string): Failure {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === "EEXIST") return { wrong: `${name} is there already`, hint: "Name another file, or remove that one" };
  if (syscall === undefined) return brokenOff(error);
  return { wrong: `${name} cannot be written (${code})`, hint: "Is there a folder of that name, and room?" };
}

/** What was being read from the sidecar ended before its end. */
export function brokenOff(error: unknown): Failure {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  const why = cause instanceof Error ? cause.message : String(cause);
  return {
    wrong: `the sidecar's answer broke off, and is not whole (${printable(why)})`,
    hint: "Try again; the sidecar's log may say more",
  };
}
