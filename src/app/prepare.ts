import { resolve } from "node:path";
import { systemClock } from "../core/clock.ts";
import { egressRules } from "../core/egress.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { AppSettings } from "../core/settings.ts";
import type { Standing } from "../manifest/diff.ts";
import { type Extent, freely, type Spend, TooMuch, within } from "../manifest/extent.ts";
import { createFiles, type Files, readRegularFile } from "../manifest/files.ts";
import { type LoadedManifest, loadManifest, type ManifestProblem, restartKeys } from "../manifest/load.ts";
import { pathText } from "../manifest/problem.ts";
import { createClassifiers } from "../policy/classify.ts";
import { compileSchema } from "../policy/response.schema.ts";
import { readServerTls, type ServerTls } from "../proxy/listener.tls.ts";
import type { TlsMaterial } from "../upstream/connect.ts";
import { type CompiledApp, compileApp, compileRoute } from "./compile.ts";
import { readTls } from "./upstreams.tls.ts";

/** A manifest that may be applied at once, and what the files hold that it names for TLS. */
export interface Prepared {
  readonly loaded: LoadedManifest;
  /** Of the listener. */
  readonly tls: ServerTls | null;
  /** By app: of those that have a `tls` block. */
  readonly appTls: ReadonlyMap<string, TlsMaterial>;
}

/** A manifest that may not. */
export interface Refused {
  /** All of them, warnings too. */
  readonly problems: readonly ManifestProblem[];
  /** As of {@link LoadedManifest}, as far as it got: mending one of them, or adding one, may mend the manifest. */
  readonly files: ReadonlyMap<string, string>;
}

/** What is read, and as whom. */
export interface Text {
  readonly file: string;
  /** In the place of what the file holds. */
  readonly text?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Null at the start. */
  readonly standing: Standing | null;
}

/**
 * Reads, proves and compiles without touching anything live: what start, reload and a mere check share. Needs nothing
 * but its arguments and the disk, so that it can be done in a process of its own.
 */
export function prepare({ file, text, env, standing }: Text, spend = freely): Result<Prepared, Refused> {
  const main = resolve(file);
  for (let left = READINGS; ; left--) {
    const files = createFiles((path) => {
      if (path !== main || text === undefined) return readRegularFile(path, spend);
      spend("bytes", text.length);
      return text;
    }, spend);
    const prepared = prepareFrom(files, { file, env, standing }, spend);
    if (left === 1 || files.isStill()) return prepared;
  }
}

/**
 * Where files change while they are read, as a ConfigMap does, what was read may be of two generations. Whoever changes
 * them all the time gets what there is: the watch asks for the next.
 */
const READINGS = 3;

function prepareFrom(files: Files, { file, env, standing }: Text, spend: Spend): Result<Prepared, Refused> {
  const refused = (problems: readonly ManifestProblem[]) => err({ problems, files: files.watched() });
  const result = loadManifest(file, { env, checkSchema: compileSchema, files, spend });
  if (!result.ok) return refused(result.error);
  const { warnings } = result.value;
  const compiled = proveCompiles(result.value);
  if (!compiled.ok) return refused([...compiled.error, ...warnings]);
  const problems = standing === null ? [] : restartProblems(standing, result.value);
  return problems.length > 0 ? refused([...problems, ...warnings]) : compiled;
}

/** The same, or null where there is more to read than `most`: then no more than that has been done. */
export function prepareSmall(text: Text, most: Extent): Result<Prepared, Refused> | null {
  try {
    return prepare(text, within(most));
  } catch (error) {
    if (error instanceof TooMuch) return null;
    throw error;
  }
}

type Document = LoadedManifest["origins"]["apps"][number]["document"];

function proveCompiles(loaded: LoadedManifest): Result<Prepared, readonly ManifestProblem[]> {
  const { origins, manifest } = loaded;
  const problems: ManifestProblem[] = [];
  const tls = readServerTls(manifest.listen.tls);
  if (!tls.ok) problems.push(problemAt(origins.main, ["listen", "tls"], tls.error));
  const ruleOf = egressRules(manifest.egress);
  const apps = new Map<AppSettings, CompiledApp>();
  const appTls = new Map<string, TlsMaterial>();
  for (const { settings, document, path } of origins.apps) {
    const material = readTls(settings.tls);
    const app = compileApp(settings, material.ok ? material.value : null, ruleOf(settings.network));
    if (!material.ok) problems.push(problemAt(document, [...path, "tls"], material.error));
    else if (material.value !== null) appTls.set(settings.name, material.value);
    if (!app.ok) problems.push(problemAt(document, [...path, ...app.error.path], app.error.message));
    else apps.set(settings, app.value);
  }
  const deps = { clock: systemClock, classify: createClassifiers() };
  for (const { settings, app, path } of origins.routes) {
    const own = apps.get(app.settings);
    const route = own && compileRoute(settings, own, deps);
    if (route?.ok === false)
      problems.push(problemAt(app.document, [...path, ...route.error.path], route.error.message));
  }
  return tls.ok && problems.length === 0 ? ok({ loaded, tls: tls.value, appTls }) : err(problems);
}

function restartProblems(standing: Standing, next: LoadedManifest): ManifestProblem[] {
  const message = "this can't change while running: restart outrigger, or put the old value back";
  return restartKeys(standing, next.manifest).map((key) => problemAt(next.origins.main, key.split("."), message));
}

/** A problem of what stands at `path`. */
function problemAt(document: Document, path: readonly PropertyKey[], message: string): ManifestProblem {
  const { source, offset } = document.place(path);
  return { file: source.file, ...source.position(offset), path: pathText(path), message, severity: "error" };
}
