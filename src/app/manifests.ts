import type { Clock } from "../core/clock.ts";
import type { EventBus } from "../core/events.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Manifest } from "../core/settings.ts";
import type { Standing } from "../manifest/diff.ts";
import { formatProblem, type ManifestProblem, problemOf } from "../manifest/problem.ts";
import type { ManifestWatch } from "../manifest/watch.ts";
import type { Routing } from "../proxy/intake.ts";
import { createRouter } from "../proxy/router.ts";
import { type Built, buildPlans, Unproved } from "./build.ts";
import type { PlanDeps } from "./plans.ts";
import type { ReadingJob, Refusal } from "./reading.judge.ts";
import { type Next, readNext } from "./reading.ts";
import type { ToKeep } from "./revisions.ts";
import { breath, isLarge, nextTurn, pause } from "./turns.ts";
import type { Complete, Told, Unpacked } from "./unpack.ts";

/** The manifest in force, and since when. */
export interface Applied extends Routing, Complete, Built {
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

export interface Manifests extends AsyncDisposable {
  readonly current: Applied;
  /** The last reload, where it was refused; null once one went well. */
  readonly rejection: Rejection | null;
  /**
   * Loads, proves and compiles the file, then swaps one reference. Lines that say what is wrong leave everything as it
   * was. Reloads asked for while one runs follow it, one for all of them.
   */
  reload(by: string): Promise<Result<Applied, readonly string[]>>;
  /** What a reload would say if `text` stood in the file, warnings too. One after the other: each may be megabytes. */
  check(text: string): Promise<readonly ManifestProblem[]>;
}

export interface ManifestDeps extends PlanDeps {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly bus: EventBus;
  /** Told when a reading begins, and after it what was read: only a change since then asks for another reload. */
  readonly watch: Pick<ManifestWatch, "hold" | "update" | "again">;
  /** Keeps the revision in history and returns its number. */
  readonly keepRevision: (applied: ToKeep) => Promise<number>;
  /** Called in the turn in which it comes into force: all that requests use goes by it from then on. */
  readonly coming: (applied: Applied) => void;
  /** Called where one came to nothing of which plans were made: what those asked for is let go of. `kept` stays in force. */
  readonly forget: (kept: Applied) => void;
  /** Called once it is in force, of a large one in a turn of its own: what no request waits for follows it. */
  readonly applied: (applied: Applied) => void;
}

/** Applies the first manifest, already taken over, and keeps the ones that follow. */
export async function startManifests(first: Complete, deps: ManifestDeps): Promise<Manifests> {
  const stopped = new AbortController();
  let current = await complete(first, first, await plan(first, null, deps), "start", deps);
  deps.coming(current);
  announce(current, deps);
  let rejection: Rejection | null = null;
  let running: Promise<Result<Applied, readonly string[]>> | null = null;
  let checking: Promise<unknown> = Promise.resolve();
  let waiting: Promise<Result<Applied, readonly string[]>> | null = null;

  const jobOf = ({ manifest, hash }: Applied["loaded"]): ReadingJob => {
    const { file, env } = deps;
    return { file, env, standing: standingOf(manifest), hash };
  };

  const checkNow = async (text: string): Promise<readonly ManifestProblem[]> => {
    try {
      stopped.signal.throwIfAborted();
      const reading = await readNext({ ...jobOf(current.loaded), text }, current, stopped.signal, deps.clock);
      if (reading.kind === "refused") return reading.problems;
      return reading.kind === "passed" ? reading.warnings : reading.unpacked.loaded.warnings;
    } catch (error) {
      if (stopped.signal.aborted) return [problemOf(deps.file, STOPPING)];
      throw error;
    }
  };

  const refuse = ({ problems: found }: Refusal, by: string): Result<Applied, readonly string[]> => {
    const problems = found.map(formatProblem);
    rejection = { at: deps.clock.wall(), by, problems };
    deps.bus.emit({ type: "manifest.rejected", ...rejection });
    return err(problems);
  };

  const make = async ({ unpacked, told: telling }: Next, by: string): Promise<Applied | Refusal> => {
    let made: Applied | null = null;
    try {
      const built = await plan(unpacked, current, deps, stopped.signal);
      const told = await telling;
      if ("problems" in told) return told;
      made = await complete(unpacked, told, built, by, deps, stopped.signal);
      return made;
    } catch (error) {
      if (error instanceof Unproved) return refusalOf(unpacked, error.message, deps.file);
      throw error;
    } finally {
      if (made === null) deps.forget(current);
    }
  };

  const reloadNow = async (by: string): Promise<Result<Applied, readonly string[]>> => {
    const { loaded } = current;
    deps.watch.hold();
    const reading = await readNext(jobOf(loaded), current, stopped.signal, deps.clock);
    if (reading.kind === "refused") {
      if (reading.files === null) deps.watch.again();
      else deps.watch.update(reading.files, loaded.files.keys());
      return refuse(reading, by);
    }
    deps.watch.update(reading.kind === "passed" ? reading.files : reading.unpacked.loaded.files);
    if (reading.kind === "passed") {
      rejection = null;
      return ok(current);
    }
    const applied = await make(reading, by);
    if ("problems" in applied) {
      if (applied.files === null) deps.watch.again();
      return refuse(applied, by);
    }
    rejection = null;
    deps.coming(applied);
    current = applied;
    if (isLarge(applied)) await breath();
    announce(applied, deps);
    return ok(applied);
  };

  const reload = (by: string): Promise<Result<Applied, readonly string[]>> => {
    if (stopped.signal.aborted) return Promise.resolve(err([STOPPING]));
    if (running === null) {
      running = reloadNow(by)
        .catch((error: unknown) => {
          if (stopped.signal.aborted) return err([STOPPING]);
          throw error;
        })
        .finally(() => {
          running = null;
        });
      return running;
    }
    const next = (): Promise<Result<Applied, readonly string[]>> => {
      waiting = null;
      return reload(by);
    };
    waiting ??= running.then(next, next);
    return waiting;
  };

  return {
    get current() {
      return current;
    },
    get rejection() {
      return rejection;
    },
    check(text) {
      const checked = checking.then(() => checkNow(text));
      checking = checked.catch(() => undefined);
      return checked;
    },
    reload,
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await running;
    },
  };
}

/** What a reload is told from the moment on in which the process begins to stop. */
export const STOPPING = "outrigger is stopping: start it again, and it reads the manifest as it is then";

/** One that was read well: to read it again would change nothing. */
function refusalOf({ loaded }: Unpacked, why: string, file: string): Refusal {
  return { kind: "refused", problems: [problemOf(file, why)], files: loaded.files };
}

/** Touches nothing that requests use: they go on under the manifest before until this one is applied, in one turn. */
function plan(unpacked: Unpacked, before: Built | null, deps: ManifestDeps, signal?: AbortSignal): Promise<Built> {
  signal?.throwIfAborted();
  return buildPlans(unpacked, before, { ...deps, turn: () => pause(unpacked, nextTurn, signal) });
}

/** All that is left to do before it is applied. */
async function complete(
  unpacked: Unpacked,
  { shown, origins }: Told,
  built: Built,
  by: string,
  deps: ManifestDeps,
  signal?: AbortSignal,
): Promise<Applied> {
  const { loaded } = unpacked;
  const at = deps.clock.wall();
  const revision = await numberOf({ loaded, shown, at, by }, deps, signal);
  await pause(unpacked, breath, signal);
  const router = createRouter(built.plans.map((one) => ({ match: one.settings.match, value: one })));
  await pause(unpacked, breath, signal);
  return { ...unpacked, shown, origins, ...built, router, limits: loaded.manifest.limits, revision, at, by };
}

/** A disk may stall without failing: neither a good manifest nor a stop waits for it longer. */
const KEEP_MS = 3_000;

/** The number that history gives it; 0 where it takes too long. Rejects when `signal` aborts. */
async function numberOf(
  applied: ToKeep,
  { clock, keepRevision }: ManifestDeps,
  signal: AbortSignal | undefined,
): Promise<number> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = clock.after(KEEP_MS, resolve, 0);
  const stop = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", stop);
  keepRevision(applied).then(resolve, reject);
  try {
    return await promise;
  } finally {
    clock.cancel(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** Once it is in force: whoever hears of it finds it as the current one. */
function announce(applied: Applied, deps: ManifestDeps): void {
  const { at, revision, by, loaded } = applied;
  deps.applied(applied);
  deps.bus.emit({ type: "manifest.applied", at, revision, hash: loaded.hash, by });
}

function standingOf({ listen, dataDir, spool, redis }: Manifest): Standing {
  return { listen, dataDir, spool, redis };
}
