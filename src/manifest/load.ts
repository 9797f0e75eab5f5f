import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { err, ok, type Result } from "../core/result.ts";
import type { JsonValue } from "../core/settings.route.ts";
import type { Manifest } from "../core/settings.ts";
import { checkFile, type Loading, type Parsed, parseFile } from "./document.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { freely, type Spend } from "./extent.ts";
import { createFiles, type Files, type ReadFile } from "./files.ts";
import { deepFreeze } from "./freeze.ts";
import { loadIncluded } from "./include.ts";
import { createMask, type Mask, maskManifest } from "./mask.ts";
import { createReport, type ManifestProblem } from "./problem.ts";
import { prove } from "./prove.ts";
import type { CheckSchema } from "./resolve.route.ts";
import { type Resolved, resolveManifest } from "./resolve.ts";
import { manifestSchema } from "./schema.ts";
import { secretsOf } from "./secrets.ts";

export { restartKeys } from "./diff.ts";
export { formatProblem, type ManifestProblem } from "./problem.ts";

/** A manifest that may be applied, and what is known about it. */
export interface LoadedManifest {
  readonly manifest: Manifest;
  readonly warnings: readonly ManifestProblem[];
  /**
   * What a change of may change the manifest: absolute paths of files, and of directories of include patterns, each with
   * what it led to before it was read.
   */
  readonly files: ReadonlyMap<string, string>;
  /** SHA-256 in hex of the effective content: equal for files that differ only in comments or layout. */
  readonly hash: string;
  /** The way back from values to where they were written: for `explainRoute`. */
  readonly origins: Resolved;
  readonly mask: Mask;
  /** What {@link mask} replaces. */
  readonly secrets: readonly string[];
  /** The resolved manifest with secrets as `***`. */
  masked(): JsonValue;
}

export interface LoadDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a relative `file` is relative to; problems still name it as given. Default: the process's directory. */
  readonly cwd?: string;
  /** Default: from the disk, regular files only, within bounds. */
  readonly readFile?: ReadFile;
  /** Fresh ones, in place of `readFile`: they also know what was read of a manifest that is refused. */
  readonly files?: Files;
  /** Default: freely. */
  readonly spend?: Spend;
  /** Compiles a `response.schema`; without it only its being JSON is checked. */
  readonly checkSchema?: CheckSchema;
}

/**
 * Loads and proves a manifest: text → frozen settings. All problems of all kinds come back at once, errors first, then
 * warnings. Never throws for anything that a file or a variable holds, but what `spend` throws.
 */
export function loadManifest(file: string, deps: LoadDeps): Result<LoadedManifest, readonly ManifestProblem[]> {
  const report = createReport(file);
  const { env, spend = freely, files = createFiles(deps.readFile, spend) } = deps;
  const loading: Loading = { env, files, spend, report, secrets: new Set() };
  const environment = readEnvironment(env, report);
  const parsed = parseFile(file, resolve(deps.cwd ?? ".", file), true, loading);
  const documents: Text[] = parsed === null ? [] : [parsed];
  const resolved = parsed === null ? null : resolveAll(parsed, { loading, environment, deps, documents });
  if (resolved !== null) {
    prove(resolved, report);
    for (const secret of secretsOf(resolved.manifest)) loading.secrets.add(secret);
  }
  const mask = createMask(loading.secrets);
  const warnings = report.list("warning", mask);
  if (resolved === null || report.failed()) return err([...report.list("error", mask), ...warnings]);
  const manifest = deepFreeze(resolved.manifest);
  return ok({
    manifest,
    warnings,
    files: loading.files.watched(),
    hash: hashOf(documents, environment, loading),
    origins: resolved,
    mask,
    secrets: [...loading.secrets],
    masked: () => maskManifest(manifest, mask),
  });
}

type Text = Pick<Parsed, "source" | "root">;

interface Parts {
  readonly loading: Loading;
  readonly environment: Environment;
  readonly deps: LoadDeps;
  readonly documents: Text[];
}

function resolveAll(parsed: Parsed, { loading, environment, deps, documents }: Parts): Resolved | null {
  const main = checkFile(parsed, manifestSchema, loading.report);
  if (main === null) return null;
  // Read from the values as written, so that an error elsewhere in `egress` can't lift the ban.
  const egress = (parsed.root.value as { egress?: { default?: unknown } }).egress;
  const trusted = main.value.egress?.default !== "public" && egress?.default !== "public";
  const included = loadIncluded(main, trusted, loading);
  documents.push(...included);
  const checkSchema = deps.checkSchema ?? (() => ({ ok: true }));
  return resolveManifest({ main, included, env: environment, loading, checkSchema });
}

function hashOf(documents: readonly Text[], environment: Environment, { files }: Loading): string {
  const manifests = new Set(documents.map(({ source }) => source.path));
  const hash = createHash("sha256");
  for (const { source, root } of documents) hash.update(JSON.stringify([source.path, root.value]));
  hash.update(JSON.stringify(environment.read));
  return hash.update(files.digest((path) => !manifests.has(path))).digest("hex");
}
