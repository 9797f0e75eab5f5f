import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { err, ok, type Result } from "../core/result.ts";
import { createSeal } from "../core/seal.ts";
import type { RedisSettings, SpoolSettings } from "../core/settings.service.ts";
import { formatProblem } from "../manifest/problem.ts";
import { checkRedis } from "../redis/check.ts";
import { openRedis } from "../redis/connection.ts";
import { openRedisSpool } from "../redis/spool/driver.ts";
import type { Movable, Part } from "../spool/move/port.ts";
import { openStorage } from "../storage/storage.ts";
import { prepare } from "./prepare.ts";
import { boundsOf, instanceOf, noteDriver } from "./spools.ts";

export interface MoveOptions {
  /** The manifest's file, absolute. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly from: SpoolSettings["driver"];
  readonly to: SpoolSettings["driver"];
  /** As of the driver: for tests, which have a time of their own. */
  readonly serverMs?: number;
  /** Jobs so far, and how many there are. */
  readonly progress: (done: number, all: number) => void;
}

export interface Moved {
  readonly jobs: number;
  readonly keys: number;
  readonly answers: number;
}

const PATIENCE_MS = 10_000;

/**
 * Carries everything from one store into the other, then empties the first. No sidecar may use either meanwhile: the
 * lock of the data directory holds off the one, and one that uses Redis is seen there. Until all has arrived the first
 * store is whole, so that a move that was cut off is simply begun again.
 */
export async function moveSpool(options: MoveOptions): Promise<Result<Moved, readonly string[]>> {
  const prepared = prepare({ file: options.file, env: options.env, standing: null });
  if (!prepared.ok) return err(prepared.error.problems.map(formatProblem));
  const { dataDir, spool, redis } = prepared.value.loaded.manifest;
  if (redis === null) return err(["the manifest names no Redis: set redis.url, or REDIS_URL"]);
  try {
    return ok(await move({ ...options, dataDir, settings: spool, redis }));
  } catch (error) {
    return err([error instanceof Error ? error.message : String(error)]);
  }
}

interface MoveDeps extends MoveOptions {
  readonly dataDir: string;
  readonly settings: SpoolSettings;
  readonly redis: RedisSettings;
}

async function move(deps: MoveDeps): Promise<Moved> {
  const { clock, random, dataDir, settings, env, from, to } = deps;
  await using opened = new AsyncDisposableStack();
  const storage = opened.use(await openStorage({ dataDir, clock, onEvent: () => undefined }));
  const bounds = boundsOf(settings);
  const key = env.OUTRIGGER_SPOOL_KEY;
  const link = await reach(deps, opened);
  const file = await storage.openSpool({ bounds, random, key });
  const instance = await instanceOf(storage, random);
  const seal = createSeal(key, random);
  const own = { link, clock, random, seal, instance };
  const shared = await openRedisSpool(deps.serverMs === undefined ? own : { ...own, serverMs: deps.serverMs }, bounds);
  opened.defer(() => shared.close());
  const others = await shared.others();
  if (others > 0)
    throw new Error(`${others} other sidecars use this Redis, or did until a moment ago: stop them first`);
  const [source, target] = from === "sqlite" ? [file, shared] : [shared, file];
  const { states } = await source.survey();
  const all = Object.values(states).reduce((sum, n) => sum + n, 0);
  const moved = await carry(source.mover, target.mover, (done) => deps.progress(done, all));
  if (moved.jobs < all)
    throw new Error(`only ${moved.jobs} of ${all} jobs were found in the spool on ${from}: it was left as it is`);
  for (let more = true; more; ) more = await source.mover.empty();
  await noteDriver(storage, to);
  return moved;
}

async function carry(source: Movable, target: Movable, progress: (done: number) => void): Promise<Moved> {
  const jobs = await all(source.giveJobs, target.takeJobs, progress);
  const keys = await all(source.giveKeys, target.takeKeys);
  const answers = await all(source.giveAnswers, target.takeAnswers);
  return { jobs, keys, answers };
}

async function all<T>(
  give: (after: number) => Promise<Part<T>>,
  take: (items: readonly T[]) => Promise<void>,
  progress?: (done: number) => void,
): Promise<number> {
  let done = 0;
  let after: number | null = 0;
  while (after !== null) {
    const part: Part<T> = await give(after);
    await take(part.items);
    done += part.items.length;
    progress?.(done);
    after = part.next;
  }
  return done;
}

/** A Redis that may hold jobs, or what is wrong with it. */
async function reach({ redis, clock, random }: MoveDeps, opened: AsyncDisposableStack) {
  let why = "it does not answer";
  const link = opened.use(
    openRedis(redis, {
      clock,
      random,
      emit: ({ detail }) => {
        why = detail;
      },
    }),
  );
  if (!(await link.upWithin(PATIENCE_MS))) throw new Error(`Redis can't be used: ${why}`);
  const { refusals } = await checkRedis(link.client, true);
  if (refusals.length > 0) throw new Error(`Redis can't be used: ${refusals.join("; ")}`);
  return link;
}
