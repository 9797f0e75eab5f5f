import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import type { Spend } from "./extent.ts";
import type { Files } from "./files.ts";
import { interpolate } from "./interpolate.ts";
import type { Report } from "./problem.ts";
import { secretsIn } from "./secrets.ts";
import { parseYaml, type Source } from "./source.ts";
import { locate, type Node, nodeAt, toTree, UNKNOWN } from "./tree.ts";
import { validate } from "./validate.ts";

/** What loading shares among the files of one manifest. */
export interface Loading {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Files;
  readonly spend: Spend;
  readonly report: Report;
  /** Values that must never be shown. */
  readonly secrets: Set<string>;
}

/** One file, parsed and checked: its values (what was wrong is cut out) and where each was written. */
export interface Document<T> {
  readonly source: Source;
  readonly root: Node;
  readonly value: T;
  /** False for a file that others may write. */
  readonly trusted: boolean;
  /** Did this path, or anything below it, hold a problem? Then a proof about it would only confuse. */
  tainted(path: readonly PropertyKey[]): boolean;
  /** Where a path was written: its key, or its value. */
  place(path: readonly PropertyKey[], prefer?: "key" | "value"): { readonly source: Source; readonly offset: number };
  /** Is there anything at this path? */
  has(path: readonly PropertyKey[]): boolean;
  /** Absolute path of one that the file names. */
  resolve(path: string): string;
  /** Reads a file that the file names, or says why not. */
  read(path: string, files: Files): { readonly bytes: Uint8Array } | { readonly error: string };
}

/** A file as text in a tree, before its schema. */
export interface Parsed {
  readonly source: Source;
  readonly root: Node;
  /** False for a file that others may write, who must not read ours through it. */
  readonly trusted: boolean;
}

/**
 * Reads a file and replaces what stands in `${…}`; null where it can't be read or is no YAML, which is reported.
 * `file` is how problems name it, `path` is absolute. `trusted` is false where `${…}` is refused.
 */
export function parseFile(file: string, path: string, trusted: boolean, loading: Loading): Parsed | null {
  const { report, files } = loading;
  const start: Source = { file, path, position: () => ({ line: 1, col: 1 }) };
  const read = files.text(path);
  if ("error" in read) {
    report.error({ source: start, offset: 0 }, ["file"], read.error);
    return null;
  }
  const text = read.text.replace(/^\uFEFF/, "");
  let source = start;
  const complain = (offset: number, at: readonly PropertyKey[], message: string, severity?: "warning"): void =>
    report[severity === "warning" ? "warn" : "error"]({ source, offset }, at, message);
  const lineStarts = startsOfLines(text);
  source = { file, path, position: (offset) => positionIn(lineStarts, Math.min(offset, text.length)) };
  const yaml = parseYaml(text, complain);
  if (yaml === "broken") return null;
  if (yaml === null) {
    // Half-written files are often empty: applying one as "no apps" would drop every route.
    report.error({ source, offset: 0 }, ["file"], "the file holds no manifest; expected at least version: 1");
    return null;
  }
  const around = {
    env: loading.env,
    readText: (named: string) => files.text(resolve(dirname(path), named)),
    secret: (value: string) => loading.secrets.add(value),
    trusted,
  };
  const root = toTree(yaml, {
    expand: (value, plain, offset, at) =>
      interpolate(value, plain, around, (index, message) => complain(plain ? offset + index : offset, at, message)),
    complain,
    spend: loading.spend,
    lineOf: (offset) => source.position(offset).line,
  });
  if (root === null) return null;
  for (const secret of secretsIn(root)) loading.secrets.add(secret);
  return { source, root, trusted };
}

/** Checks a parsed file against its schema; null where nothing of it can be used. Everything wrong is reported. */
export function checkFile<S extends z.ZodType>(
  parsed: Parsed,
  schema: S,
  report: Report,
): Document<z.output<S>> | null {
  const { source, root, trusted } = parsed;
  const directory = dirname(source.path);
  const { value, issues } = validate(schema, root.value);
  const tainted = new Set<string>();
  for (const issue of issues) {
    for (let n = 0; n <= issue.path.length; n++) tainted.add(JSON.stringify(issue.path.slice(0, n).map(String)));
    if (nodeAt(root, issue.path)?.value === UNKNOWN) continue;
    const prefer = issue.message.endsWith("is missing") ? "key" : issue.about;
    report.error({ source, offset: locate(root, issue.path, prefer) }, issue.path, issue.message);
  }
  if (value === null) return null;
  return {
    source,
    root,
    value,
    trusted,
    tainted: (path) => tainted.size > 0 && tainted.has(JSON.stringify(path.map(String))),
    place: (path, prefer = "key") => ({ source, offset: locate(root, path, prefer) }),
    has: (path) => nodeAt(root, path) !== null,
    resolve: (path) => resolve(directory, path),
    read(path, files) {
      const absolute = resolve(directory, path);
      const inside = isInside(absolute, directory) && leadsInside(absolute, directory);
      // As with `${file:…}`: a body or a schema would show the file to whoever wrote its name here.
      if (!trusted && !inside)
        return { error: `${path} is outside ${directory}, which egress.default public forbids here` };
      return files.bytes(absolute);
    },
  };
}

function isInside(path: string, directory: string): boolean {
  return path.startsWith(`${directory}/`);
}

/** Follows links. What can't be followed can't be read either, and whoever tries says why. */
function leadsInside(path: string, directory: string): boolean {
  try {
    return isInside(realpathSync(path), realpathSync(directory));
  } catch {
    return true;
  }
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let i = text.indexOf("\n"); i !== -1; i = text.indexOf("\n", i + 1)) starts.push(i + 1);
  return starts;
}

function positionIn(starts: readonly number[], offset: number): { line: number; col: number } {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, col: offset - (starts[low] ?? 0) + 1 };
}
