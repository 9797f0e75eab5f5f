import type { Clock } from "../core/clock.ts";
import type { EventBus } from "../core/events.ts";
import { err, ok, type Result } from "../core/result.ts";
import { type LoadedManifest, restartKeys } from "../manifest/load.ts";
import type { Routing } from "../proxy/intake.ts";
import type { ServerTls } from "../proxy/listener.tls.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import { createRouter } from "../proxy/router.ts";
import { createPlan, type PlanDeps } from "./plans.ts";
import { type Prepared, prepare, problemText } from "./prepare.ts";

/** The manifest in force, and since when. */
export interface Applied extends Routing {
  readonly loaded: LoadedManifest;
  readonly plans: readonly RoutePlan[];
  /** Of the listener. */
  readonly tls: ServerTls | null;
  readonly revision: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly by: string;
}

/** A reload that changed nothing, since its manifest was refused. */
export interface Rejection {
  /** Unix milliseconds. */
  readonly at: number;
  readonly by: string;
  /** A line each. */
  readonly problems: readonly string[];
}

export interface Manifests {
  readonly current: Applied;
  /** The last reload, where it was refused; null once one went well. */
  readonly rejection: Rejection | null;
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
  /** Told after each reading, in the same turn of the loop: a change from then on asks for a reload. */
  readonly watch: (files: readonly string[]) => void;
  /** Keeps the revision in history and returns its number. */
  readonly keepRevision: (applied: Pick<Applied, "loaded" | "at" | "by">) => Promise<number>;
  /** Called with each new manifest: lets go of what it no longer names. */
  readonly applied: (applied: Applied) => void;
}

/** Applies the first manifest, already prepared, and keeps the ones that follow. */
export async function startManifests(first: Prepared, deps: ManifestDeps): Promise<Manifests> {
  let current = await build(first, "start", deps);
  announce(current, deps);
  let rejection: Rejection | null = null;
  let running: Promise<Result<Applied, readonly string[]>> | null = null;
  let waiting: Promise<Result<Applied, readonly string[]>> | null = null;

  const reloadNow = async (by: string): Promise<Result<Applied, readonly string[]>> => {
    const prepared = prepare(deps.file, deps.env, deps.clock);
    const problems = prepared.ok ? restartProblems(current.loaded, prepared.value.loaded) : prepared.error.problems;
    if (!prepared.ok || problems.length > 0) {
      const files = prepared.ok ? prepared.value.loaded.files : prepared.error.files;
      deps.watch([...new Set([...current.loaded.files, ...files])]);
      rejection = { at: deps.clock.wall(), by, problems };
      deps.bus.emit({ type: "manifest.rejected", ...rejection });
      return err(problems);
    }
    rejection = null;
    deps.watch(prepared.value.loaded.files);
    if (prepared.value.loaded.hash === current.loaded.hash) return ok(current);
    current = await build(prepared.value, by, deps);
    announce(current, deps);
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
    get rejection() {
      return rejection;
    },
    reload,
  };
}

async function build({ loaded, routes, tls }: Prepared, by: string, deps: ManifestDeps): Promise<Applied> {
  const at = deps.clock.wall();
  const revision = await deps.keepRevision({ loaded, at, by });
  const plans = routes.map((route) => createPlan(route, deps));
  const router = createRouter(plans.map((plan) => ({ match: plan.settings.match, value: plan })));
  return { loaded, plans, router, tls, limits: loaded.manifest.limits, revision, at, by };
}

/** Once it is in force: whoever hears of it finds it as the current one. */
function announce(applied: Applied, deps: ManifestDeps): void {
  const { at, revision, by, loaded } = applied;
  deps.applied(applied);
  deps.bus.emit({ type: "manifest.applied", at, revision, hash: loaded.hash, by });
}

function restartProblems(old: LoadedManifest, next: LoadedManifest): string[] {
  const message = "this can't change while running: restart outrigger, or put the old value back";
  return restartKeys(old.manifest, next.manifest).map((key) => problemText(next.origins.main, key.split("."), message));
}
