import { systemClock } from "../core/clock.ts";
import { egressRules } from "../core/egress.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { AppSettings, Manifest } from "../core/settings.ts";
import { type Extent, freely, TooMuch, within } from "../manifest/extent.ts";
import { createFiles } from "../manifest/files.ts";
import { formatProblem, type LoadedManifest, loadManifest, restartKeys } from "../manifest/load.ts";
import { pathText } from "../manifest/problem.ts";
import { createClassifiers } from "../policy/classify.ts";
import { compileSchema } from "../policy/response.schema.ts";
import { readServerTls, type ServerTls } from "../proxy/listener.tls.ts";
import type { TlsMaterial } from "../upstream/connect.ts";
import { type CompiledApp, compileApp, compileRoute } from "./compile.ts";
import { readTls } from "./upstreams.ts";

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
  /** `file:line:col path: what is wrong`, all of them. */
  readonly problems: readonly string[];
  /** As of {@link LoadedManifest}, as far as it got: mending one of them, or adding one, may mend the manifest. */
  readonly files: ReadonlyMap<string, string>;
}

/** What a process began with and keeps until its end. */
export type Standing = Pick<Manifest, "listen" | "dataDir" | "spool" | "redis">;

/**
 * Reads, proves and compiles without touching anything live: what start and reload share. Needs nothing but its
 * arguments and the disk, so that it can be done in a thread of its own. `standing` is null at the start.
 */
export function prepare(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  standing: Standing | null,
  spend = freely,
): Result<Prepared, Refused> {
  const files = createFiles(undefined, spend);
  const refused = (problems: readonly string[]) => err({ problems, files: files.watched() });
  const result = loadManifest(file, { env, checkSchema: compileSchema, files, spend });
  if (!result.ok) return refused(result.error.map(formatProblem));
  const compiled = proveCompiles(result.value);
  if (!compiled.ok) return refused(compiled.error);
  const problems = standing === null ? [] : restartProblems(standing, result.value);
  return problems.length > 0 ? refused(problems) : compiled;
}

/** The same, or null where there is more to read than `most`: then no more than that has been done. */
export function prepareSmall(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  standing: Standing,
  most: Extent,
): Result<Prepared, Refused> | null {
  try {
    return prepare(file, env, standing, within(most));
  } catch (error) {
    if (error instanceof TooMuch) return null;
    throw error;
  }
}

type Document = LoadedManifest["origins"]["apps"][number]["document"];

function proveCompiles(loaded: LoadedManifest): Result<Prepared, readonly string[]> {
  const { origins, manifest } = loaded;
  const problems: string[] = [];
  const tls = readServerTls(manifest.listen.tls);
  if (!tls.ok) problems.push(problemText(origins.main, ["listen", "tls"], tls.error));
  const ruleOf = egressRules(manifest.egress);
  const apps = new Map<AppSettings, CompiledApp>();
  const appTls = new Map<string, TlsMaterial>();
  for (const { settings, document, path } of origins.apps) {
    const material = readTls(settings.tls);
    const app = compileApp(settings, material.ok ? material.value : null, ruleOf(settings.network));
    if (!material.ok) problems.push(problemText(document, [...path, "tls"], material.error));
    else if (material.value !== null) appTls.set(settings.name, material.value);
    if (!app.ok) problems.push(problemText(document, [...path, ...app.error.path], app.error.message));
    else apps.set(settings, app.value);
  }
  const deps = { clock: systemClock, classify: createClassifiers() };
  for (const { settings, app, path } of origins.routes) {
    const own = apps.get(app.settings);
    const route = own && compileRoute(settings, own, deps);
    if (route?.ok === false)
      problems.push(problemText(app.document, [...path, ...route.error.path], route.error.message));
  }
  return tls.ok && problems.length === 0 ? ok({ loaded, tls: tls.value, appTls }) : err(problems);
}

function restartProblems(standing: Standing, next: LoadedManifest): string[] {
  const message = "this can't change while running: restart outrigger, or put the old value back";
  return restartKeys(standing, next.manifest).map((key) => problemText(next.origins.main, key.split("."), message));
}

/** A problem as `check` would say it, about what stands at `path`. */
function problemText(document: Document, path: readonly PropertyKey[], message: string): string {
  const { source, offset } = document.place(path);
  return formatProblem({
    file: source.file,
    ...source.position(offset),
    path: pathText(path),
    message,
    severity: "error",
  });
}
