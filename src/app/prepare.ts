import type { Clock } from "../core/clock.ts";
import { egressRules } from "../core/egress.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { AppSettings } from "../core/settings.ts";
import { readRegularFile } from "../manifest/files.ts";
import { formatProblem, type LoadedManifest, loadManifest } from "../manifest/load.ts";
import { pathText } from "../manifest/problem.ts";
import { createClassifiers } from "../policy/classify.ts";
import { compileSchema } from "../policy/response.schema.ts";
import { readServerTls, type ServerTls } from "../proxy/listener.tls.ts";
import { type Compiled, type CompiledApp, compileApp, compileRoute } from "./plans.ts";

/** A manifest that may be applied at once. */
export interface Prepared {
  readonly loaded: LoadedManifest;
  readonly routes: readonly Compiled[];
  /** Of the listener. */
  readonly tls: ServerTls | null;
}

/** A manifest that may not. */
interface Refused {
  /** `file:line:col path: what is wrong`, all of them. */
  readonly problems: readonly string[];
  /** Absolute paths of what was read, or could not be: mending one of them may mend the manifest. */
  readonly files: readonly string[];
}

/** Loads and compiles without touching anything live: what start and reload share. */
export function prepare(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Result<Prepared, Refused> {
  const files = new Set<string>();
  const readFile = (path: string): Uint8Array => {
    files.add(path);
    return readRegularFile(path);
  };
  const result = loadManifest(file, { env, checkSchema: compileSchema, readFile });
  if (!result.ok) return err({ problems: result.error.map(formatProblem), files: [...files] });
  const compiled = compile(result.value, clock);
  return compiled.ok ? compiled : err({ problems: compiled.error, files: [...files] });
}

type Document = LoadedManifest["origins"]["apps"][number]["document"];

function compile(loaded: LoadedManifest, clock: Clock): Result<Prepared, readonly string[]> {
  const { origins, manifest } = loaded;
  const problems: string[] = [];
  const tls = readServerTls(manifest.listen.tls);
  if (!tls.ok) problems.push(problemText(origins.main, ["listen", "tls"], tls.error));
  const ruleOf = egressRules(manifest.egress);
  const apps = new Map<AppSettings, CompiledApp>();
  for (const { settings, document, path } of origins.apps) {
    const app = compileApp(settings, ruleOf(settings.network));
    if (app.ok) apps.set(settings, app.value);
    else problems.push(problemText(document, [...path, ...app.error.path], app.error.message));
  }
  const routes: Compiled[] = [];
  const deps = { clock, classify: createClassifiers() };
  for (const { settings, app, path } of origins.routes) {
    const own = apps.get(app.settings);
    if (own === undefined) continue;
    const route = compileRoute(settings, own, deps);
    if (route.ok) routes.push(route.value);
    else problems.push(problemText(app.document, [...path, ...route.error.path], route.error.message));
  }
  if (!tls.ok || problems.length > 0) return err(problems);
  return ok({ loaded, routes, tls: tls.value });
}

/** A problem as `check` would say it, about what stands at `path`. */
export function problemText(document: Document, path: readonly PropertyKey[], message: string): string {
  const { source, offset } = document.place(path);
  return formatProblem({
    file: source.file,
    ...source.position(offset),
    path: pathText(path),
    message,
    severity: "error",
  });
}
