import { globSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { checkFile, type Document, type Loading, parseFile } from "./document.ts";
import type { AppsDocument } from "./resolve.ts";
import { includedSchema, type ManifestEntry } from "./schema.ts";

/** The files that a manifest includes, by path or pattern. */

const MAX_FILES = 10_000;
const MAGIC = /[*?[\]{}]/;

/**
 * Reads every included file, in the order of the patterns and, within one, of the names. `trusted` is false where
 * others may write these files: then they may not read variables and files of ours.
 */
export function loadIncluded(main: Document<ManifestEntry>, trusted: boolean, loading: Loading): AppsDocument[] {
  const seen = new Set<string>([main.source.path]);
  const documents: AppsDocument[] = [];
  for (const [i, pattern] of (main.value.include ?? []).entries()) {
    for (const path of expand(main, pattern, ["include", i], loading)) {
      if (seen.has(path)) continue;
      seen.add(path);
      const parsed = parseFile(nameLike(main, path), path, trusted, loading);
      const document = parsed === null ? null : checkFile(parsed, includedSchema, loading.report);
      if (document !== null) documents.push(document);
    }
  }
  return documents;
}

function expand(
  main: Document<ManifestEntry>,
  pattern: string,
  at: readonly PropertyKey[],
  loading: Loading,
): string[] {
  const absolute = main.resolve(pattern);
  if (!MAGIC.test(pattern)) return [absolute];
  loading.spend("patterns", 1);
  // A file that is added later shows as a change of the directory it is added to.
  const fixed = absolute.slice(0, absolute.search(MAGIC));
  const root = fixed.endsWith("/") ? resolve(fixed) : dirname(fixed);
  loading.files.watch(root);
  let found: string[];
  try {
    found = globSync(absolute).filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    loading.report.error(main.place(at, "value"), at, `the files can't be listed: ${why}`);
    return [];
  }
  for (const path of found) loading.files.watch(dirname(path));
  if (found.length === 0) loading.report.warn(main.place(at, "value"), at, `no file is like ${pattern} in ${root}`);
  if (found.length > MAX_FILES) {
    loading.report.error(
      main.place(at, "value"),
      at,
      `${found.length} files are like this; at most ${MAX_FILES} may be`,
    );
    return [];
  }
  return found.sort();
}

/** Names an included file the way the manifest itself was named: relative stays relative. */
function nameLike(main: Document<ManifestEntry>, path: string): string {
  const { file, path: mainPath } = main.source;
  if (isAbsolute(file)) return path;
  return join(dirname(file), relative(dirname(mainPath), dirname(path)), basename(path));
}
