import type { Clock } from "../core/clock.ts";
import type { EventBus } from "../core/events.ts";
import { err, ok, type Result } from "../core/result.ts";
import { formatProblem, type LoadedManifest, loadManifest, restartKeys } from "../manifest/load.ts";
import { compileSchema } from "../policy/response.schema.ts";
import type { Routing } from "../proxy/intake.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import { createRouter } from "../proxy/router.ts";
import { type Compiled, compileRoute, createPlan, type PlanDeps } from "./plans.ts";

/** The manifest in force, and since when. */
export interface Applied extends Routing {
  readonly loaded: LoadedManifest;
  readonly plans: readonly RoutePlan[];
  readonly revision: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly by: string;
}

export interface Manifests {
  readonly current: Applied;
  /**
   * Loads, proves and compiles the file, then swaps one reference. Lines that say what is wrong leave everything as it
   * was. Reloads asked for while one runs follow it, one for all of them.
   */
  reload(by: string): Promise<Result<Applied, readonly string[]>>;
}

export interface ManifestDeps extends PlanDeps {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly bus: EventBus;
  /** Keeps the revision in history and returns its number. */
  readonly keepRevision: (applied: Pick<Applied, "loaded" | "at" | "by">) => Promise<number>;
  /** Called with each new manifest: lets go of what it no longer names. */
  readonly applied: (applied: Applied) => void;
}

/** A manifest that may be applied at once. */
export interface Prepared {
  readonly loaded: LoadedManifest;
  readonly routes: readonly Compiled[];
}

/** Loads and compiles without touching anything live: what `start` and `reload` share. */
export function prepare(file: string, env: ManifestDeps["env"], clock: Clock): Result<Prepared, readonly string[]> {
  const result = loadManifest(file, { env, checkSchema: compileSchema });
  if (!result.ok) return err(result.error.map(formatProblem));
  const compiled = result.value.manifest.routes.map((route) => compileRoute(route, clock));
  const problems = compiled.flatMap((one) => (one.ok ? [] : [`${file} ${one.error}`]));
  if (problems.length > 0) return err(problems);
  return ok({ loaded: result.value, routes: compiled.flatMap((one) => (one.ok ? [one.value] : [])) });
}

/** Applies the first manifest, already prepared, and keeps the ones that follow. */
export async function startManifests(first: Prepared, deps: ManifestDeps): Promise<Manifests> {
  let current = await apply(first, "start", deps);
  let running: Promise<Result<Applied, readonly string[]>> | null = null;
  let waiting: Promise<Result<Applied, readonly string[]>> | null = null;

  const reloadNow = async (by: string): Promise<Result<Applied, readonly string[]>> => {
    const prepared = prepare(deps.file, deps.env, deps.clock);
    const problems = prepared.ok ? restartProblems(current.loaded, prepared.value.loaded) : prepared.error;
    if (!prepared.ok || problems.length > 0) {
      deps.bus.emit({ type: "manifest.rejected", at: deps.clock.wall(), by, problems });
      return err(problems);
    }
    if (prepared.value.loaded.hash === current.loaded.hash) return ok(current);
    current = await apply(prepared.value, by, deps);
    return ok(current);
  };

  const reload = (by: string): Promise<Result<Applied, readonly string[]>> => {
    if (running === null) {
      running = reloadNow(by).finally(() => {
        running = null;
      });
      return running;
    }
    waiting ??= running.then(() => {
      waiting = null;
      return reload(by);
    });
    return waiting;
  };

  return {
    get current() {
      return current;
    },
    reload,
  };
}

async function apply(prepared: Prepared, by: string, deps: ManifestDeps): Promise<Applied> {
  const { loaded } = prepared;
  const at = deps.clock.wall();
  const revision = await deps.keepRevision({ loaded, at, by });
  const plans = prepared.routes.map((route) => createPlan(route, deps));
  const router = createRouter(plans.map((plan) => ({ match: plan.settings.match, value: plan })));
  const applied: Applied = { loaded, plans, router, limits: loaded.manifest.limits, revision, at, by };
  deps.applied(applied);
  deps.bus.emit({ type: "manifest.applied", at, revision, hash: loaded.hash, by });
  return applied;
}

function restartProblems(old: LoadedManifest, next: LoadedManifest): string[] {
  return restartKeys(old.manifest, next.manifest).map(
    (key) => `${key} cannot change while running: restart outrigger, or put the old value back`,
  );
}
