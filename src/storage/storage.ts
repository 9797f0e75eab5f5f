import type { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../core/clock.ts";
import type { StorageFailing } from "../core/events.ts";
import type { Random } from "../core/random.ts";
import {
  breakerKey,
  type NewAudit,
  type NewRevision,
  type Page,
  type PageRequest,
  type StoredAudit,
  type StoredBreaker,
  type StoredPause,
  type StoredRevision,
} from "../core/stored.ts";
import { openChannel } from "./channel.ts";
import { StorageError } from "./error.ts";
import type { HistoryCommands } from "./history/history.ts";
import type { ThreadOptions } from "./protocol.ts";
import { spawn } from "./spawn.ts";
import { openSqliteSpool, type SqliteSpool } from "./spool/driver.ts";
import { createSeal } from "./spool/seal.ts";
import type { SpoolBounds } from "./spool/wire.ts";

export type { SqliteSpool } from "./spool/driver.ts";
export type { SpoolBounds } from "./spool/wire.ts";

/** `history.db`. Every promise may reject with a `StorageError`. */
export interface History {
  loadBreakers(): Promise<readonly StoredBreaker[]>;
  /** Never waits and never fails: the newest row of each breaker is kept here until it is on disk. */
  saveBreaker(row: StoredBreaker): void;
  /** Resolves with the revision's number. */
  addRevision(revision: NewRevision): Promise<number>;
  revisions(page: PageRequest): Promise<Page<StoredRevision>>;
  /** The masked JSON of a revision; null for one that is unknown or too old to be kept. */
  manifestOf(revision: number): Promise<string | null>;
  addAudit(entry: NewAudit): Promise<void>;
  audit(page: PageRequest): Promise<Page<StoredAudit>>;
  loadPauses(): Promise<readonly StoredPause[]>;
  savePause(pause: StoredPause): Promise<void>;
  removePause(app: string, capability: string | null): Promise<void>;
  meta(key: string): Promise<string | null>;
  setMeta(key: string, value: string): Promise<void>;
}

export interface Storage extends AsyncDisposable {
  readonly history: History;
  /** Opens what the asynchronous path stands on, once; rejects with a `StorageError`, as for a wrong `key`. */
  openSpool(options: SpoolOptions): Promise<SqliteSpool>;
  /** Resolves once all that was given before is committed; rejects when a breaker's row could not be. */
  flush(): Promise<void>;
  /** Commits what waits, checkpoints, closes the files and gives the data directory free. Twice is safe. */
  close(): Promise<void>;
}

export interface StorageOptions {
  /** Absolute; made (0700) if it is not there. One process at a time may have it. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly onEvent: (event: StorageFailing) => void;
}

export interface SpoolOptions {
  readonly bounds: SpoolBounds;
  readonly random: Random;
  /** Of OUTRIGGER_SPOOL_KEY: seals headers that are secrets. */
  readonly key: string | undefined;
  /** How long each commit took, and how many jobs were put in it. */
  readonly onCommit?: (ms: number, jobs: number) => void;
  /** The thread had died and is there again. */
  readonly onBack?: () => void;
}

type Call = <N extends keyof HistoryCommands>(
  name: N,
  arg: Parameters<HistoryCommands[N]>[0] extends undefined ? null : Parameters<HistoryCommands[N]>[0],
) => Promise<ReturnType<HistoryCommands[N]>>;

/** How soon a row that could not be written (a full disk) is tried again. */
const RETRY_MS = 5_000;
const MAX_UNSAVED = 65_536;

/**
 * Starts the storage thread and opens the files. Rejects with a `StorageError`: `owned`, `newer`, `migration`, or
 * what else kept it. `start` is for tests that end the thread.
 */
export async function openStorage(
  { dataDir, clock, onEvent }: StorageOptions,
  start = (options: ThreadOptions): Worker => spawn("thread", options),
): Promise<Storage> {
  // A file that is damaged at the start is told of before the channel is there.
  let spool: SqliteSpool | null = null;
  let spoolOptions: SpoolOptions | null = null;
  let replaced = false;
  const channel = await openChannel({
    start: () => start({ dataDir }),
    clock,
    onFailing: (store, detail, isNew) => {
      onEvent({ type: "storage.failing", at: clock.wall(), store, detail });
      // A file that was replaced knows neither bounds nor where fences begin.
      if (store === "spool" && isNew) {
        replaced = true;
        spool?.reopened();
      }
    },
    onBack: () => {
      breakers.sendAll();
      spool?.reopened();
      spoolOptions?.onBack?.();
    },
    onCommit: (ms, jobs) => spoolOptions?.onCommit?.(ms, jobs),
  });
  // The commands' own types say what each name takes and gives: the one place where that meets untyped messages.
  const call = channel.call as Call;
  const breakers = createBreakerWriter(clock, (row) => call("breakers.save", row));

  const close = (): Promise<void> => {
    breakers.sendLast();
    return channel.close();
  };
  return {
    history: {
      loadBreakers: () => call("breakers.load", null),
      saveBreaker: breakers.save,
      addRevision: (revision) => call("revisions.add", revision),
      revisions: (page) => call("revisions.list", page),
      manifestOf: (revision) => call("revisions.manifest", revision),
      addAudit: (entry) => call("audit.add", entry),
      audit: (page) => call("audit.list", page),
      loadPauses: () => call("pauses.load", null),
      savePause: (pause) => call("pauses.save", pause),
      removePause: (app, capability) => call("pauses.remove", [app, capability]),
      meta: (key) => call("meta.get", key),
      setMeta: (key, value) => call("meta.set", [key, value]),
    },
    async openSpool(options) {
      const { bounds, random, key } = options;
      spoolOptions = options;
      replaced = false;
      spool = await openSqliteSpool({ channel, clock, random, seal: createSeal(key, random) }, bounds);
      // Between its first command and now.
      if (replaced) spool.reopened();
      return spool;
    },
    async flush() {
      breakers.sendAll();
      await call("barrier", null);
      // A row that came while an older one of its breaker was under way has left only now.
      await call("barrier", null);
      const failed = breakers.failed();
      if (failed > 0) throw new StorageError("failed", `the state of ${failed} breakers could not be written`);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface BreakerWriter {
  save(row: StoredBreaker): void;
  /** Tries every row that is not on disk. */
  sendAll(): void;
  /** Rows whose last try failed. */
  failed(): number;
  /** Sends what is not on disk a last time, and tries nothing again. */
  sendLast(): void;
}

/** Holds each breaker's newest row until it is written; of each breaker one row is under way at a time. */
function createBreakerWriter(clock: Clock, write: (row: StoredBreaker) => Promise<void>): BreakerWriter {
  const unsaved = new Map<string, StoredBreaker>();
  const sending = new Set<string>();
  let retry: Timer | null = null;

  const send = (key: string): void => {
    const row = unsaved.get(key);
    if (!row || sending.has(key)) return;
    sending.add(key);
    write(row).then(
      () => {
        sending.delete(key);
        if (unsaved.get(key) === row) unsaved.delete(key);
        else send(key);
      },
      (error: StorageError) => {
        sending.delete(key);
        if (error.code !== "closed") retry ??= clock.after(RETRY_MS, sendAll, undefined);
      },
    );
  };

  const stop = (): void => {
    if (retry) clock.cancel(retry);
    retry = null;
  };

  const sendAll = (): void => {
    stop();
    for (const key of unsaved.keys()) send(key);
  };

  return {
    save(row) {
      const key = breakerKey(row);
      unsaved.set(key, row);
      if (unsaved.size > MAX_UNSAVED) {
        const [oldest] = unsaved.keys();
        if (oldest !== undefined) unsaved.delete(oldest);
      }
      send(key);
    },
    sendAll,
    failed: () => unsaved.size - sending.size,
    sendLast() {
      stop();
      // Also those of which an older row is under way: commands keep their order.
      for (const row of unsaved.values()) write(row).catch(() => {});
      unsaved.clear();
    },
  };
}
