import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import Sqlite from "better-sqlite3";
import { onTestFinished } from "vitest";
import type { StorageFailing } from "../../src/core/events.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { LeasedJob, NewJob, Spool } from "../../src/spool/port.ts";
import type { ThreadOptions } from "../../src/storage/protocol.ts";
import { spawn } from "../../src/storage/spawn.ts";
import { openStorage, type SpoolBounds } from "../../src/storage/storage.ts";
import { ids, listAll, newJob, queueAll, states } from "../contract/spool.rig.ts";
import { createManualClock } from "../help/manual-clock.ts";
import { tempDir } from "./support.ts";

/** A spool in a real file and a real thread, of which a test sees the files, the events and the thread. */

const EVER = Number.MAX_SAFE_INTEGER;
export const UNBOUND: SpoolBounds = {
  maxJobs: EVER,
  maxBytes: EVER,
  retainDeliveredMs: EVER,
  retainDeadMs: EVER,
  durability: "full",
};

export interface FilesOptions {
  readonly key?: string;
  readonly wall?: number;
  readonly start?: (options: ThreadOptions) => Worker;
}

export async function openFiles(dir = tempDir(), options: FilesOptions = {}) {
  const { key, wall = 1_700_000_000_000, start = (given: ThreadOptions) => spawn("thread", given) } = options;
  const clock = createManualClock(wall);
  const told: StorageFailing[] = [];
  const damaged = Promise.withResolvers<string>();
  const threads: Worker[] = [];
  const onEvent = (event: StorageFailing): void => {
    told.push(event);
    if (event.store === "spool") damaged.resolve(event.detail);
  };
  const storage = await openStorage({ dataDir: dir, clock, onEvent }, (given) => {
    const thread = start(given);
    threads.push(thread);
    return thread;
  });
  onTestFinished(() => storage.close());
  const spool = await storage.openSpool({ bounds: UNBOUND, random: systemRandom, key });
  return {
    dir,
    path: join(dir, "spool.db"),
    clock,
    storage,
    spool,
    told,
    /** What the first event about the spool says. */
    damage: damaged.promise,
    /** Ends the running thread, as an error in it would. */
    async die(): Promise<void> {
      await threads.at(-1)?.terminate();
    },
    /** Lets the thread start again, until its files are open. */
    async back(): Promise<void> {
      // However often it has died: the wait doubles up to this.
      clock.advance(30_000);
      const [thread] = threads.slice(-1);
      if (thread !== undefined) await once(thread, "message");
    },
  };
}

/** Looks into the file beside its writer, or after it. */
export function look<T>(path: string, ask: (db: Sqlite.Database) => T): T {
  const db = new Sqlite(path, { readonly: true });
  try {
    return ask(db);
  } finally {
    db.close();
  }
}

/** The pages of a table or an index: its leaves, in order; its root where it has no more than that. */
export function leavesOf(path: string, name: string): number[] {
  const sql = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path";
  return look(path, (db) => db.prepare<[string], number>(sql).pluck().all(name));
}

export const check = (path: string): unknown => look(path, (db) => db.pragma("integrity_check", { simple: true }));

export const setAsides = (dir: string): string[] =>
  readdirSync(dir).filter((name) => /^spool\.db\.damaged-\d+$/.test(name));

/** How many jobs there are of each state, counted one by one; what the spool says without looking must be the same. */
export async function counted(spool: Spool): Promise<{ seen: Record<string, number>; said: Record<string, number> }> {
  const seen: Record<string, number> = {};
  for (const { state } of await listAll(spool)) seen[state] = (seen[state] ?? 0) + 1;
  return { seen, said: await states(spool) };
}

/** Rows of three pages. */
export const JOBS = 300;

/** One payload a page, and some eighty to a hundred rows a page of `jobs`. */
const bodyOf = (n: number): Buffer => Buffer.alloc(5_000, `the body ${n};`);
export const jobs = (count = JOBS, more: (n: number) => Partial<NewJob> = () => ({})): NewJob[] =>
  Array.from({ length: count }, (_, n) =>
    newJob(createManualClock(), { body: bodyOf(n), requestId: `req-${n}`, ...more(n) }),
  );

/** A closed file with jobs that wait. */
export async function written(list = jobs()) {
  const { dir, path, spool, storage } = await openFiles();
  const made = await queueAll(spool, list);
  await storage.close();
  return { dir, path, made };
}

/** Ids of those that may have been sent. */
export const inDoubt = (claimed: readonly LeasedJob[]): string[] => ids(claimed.filter((job) => job.inDoubt));
