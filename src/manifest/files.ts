import { createHash } from "node:crypto";
import { readFileSync, realpathSync, statSync } from "node:fs";
import { freely, type Spend, TooMuch } from "./extent.ts";

/** Reads a file whole: bytes, or text in UTF-8. Throws as `node:fs` does, or as `spend`, which it tells of its size. */
export type ReadFile = (path: string, spend: Spend) => string | Uint8Array;

/** Everything beside the manifest itself that is read while loading: each file once, within bounds, remembered. */
export interface Files {
  bytes(path: string): { readonly bytes: Uint8Array } | { readonly error: string };
  /** Refuses what is not UTF-8. */
  text(path: string): { readonly text: string } | { readonly error: string };
  /** Remembers a path that a change of matters, without reading it. */
  watch(path: string): void;
  /** Absolute, in order, each with what it led to before it was read. */
  watched(): ReadonlyMap<string, string>;
  /** Does each of those lead where it led? */
  isStill(): boolean;
  /** A digest of the contents of the files read so far whose path `wanted` says yes to, in the order of their paths. */
  digest(wanted: (path: string) => boolean): string;
}

const MAX_BYTES = 8 * 1024 * 1024;

/** The default of `readFile`: regular files only, at most 8 MiB. */
export function readRegularFile(path: string, spend: Spend): Uint8Array {
  const stat = statSync(path);
  // A named pipe would wait for ever for somebody to write.
  if (!stat.isFile()) throw Object.assign(new Error(`${path} is no regular file`), { code: "ENOTFILE" });
  if (stat.size > MAX_BYTES) throw Object.assign(new Error(`${path} is too large`), { code: "EFBIG" });
  spend("bytes", stat.size);
  return readFileSync(path);
}

/** What a path leads to right now. A missing one is a state like any other. */
export function stateOf(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    return `${realpathSync(path)} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return `${path} missing`;
  }
}

export function createFiles(readFile: ReadFile = readRegularFile, spend: Spend = freely): Files {
  const read = new Map<string, { bytes: Uint8Array } | { error: string }>();
  const watched = new Map<string, string>();
  const watch = (path: string): void => {
    if (!watched.has(path)) watched.set(path, stateOf(path));
  };
  const bytes: Files["bytes"] = (path) => {
    let result = read.get(path);
    if (result === undefined) {
      spend("files", 1);
      watch(path);
      try {
        const content = readFile(path, spend);
        result = { bytes: typeof content === "string" ? new TextEncoder().encode(content) : content };
      } catch (error) {
        if (error instanceof TooMuch) throw error;
        result = { error: whyUnreadable(path, error) };
      }
      read.set(path, result);
    }
    return result;
  };
  return {
    bytes,
    text(path) {
      const result = bytes(path);
      if ("error" in result) return result;
      try {
        return { text: new TextDecoder("utf-8", { fatal: true }).decode(result.bytes) };
      } catch {
        return { error: `${path} is not UTF-8 text` };
      }
    },
    watch,
    watched: () => new Map([...watched].sort(([a], [b]) => (a < b ? -1 : 1))),
    isStill: () => [...watched].every(([path, state]) => stateOf(path) === state),
    digest(wanted) {
      const hash = createHash("sha256");
      for (const path of [...read.keys()].sort()) {
        const result = read.get(path);
        if (result && "bytes" in result && wanted(path))
          hash.update(`${path}\0${result.bytes.length}\0`).update(result.bytes);
      }
      return hash.digest("hex");
    },
  };
}

function whyUnreadable(path: string, error: unknown): string {
  switch ((error as { code?: string }).code) {
    case "ENOENT":
      return `there is no file ${path}`;
    case "EACCES":
    case "EPERM":
      return `${path} may not be read by this user`;
    case "EISDIR":
    case "ENOTFILE":
      return `${path} is no regular file`;
    case "EFBIG":
      return `${path} is larger than ${MAX_BYTES / 1024 / 1024}MiB`;
    default:
      return `${path} can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
