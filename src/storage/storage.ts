import type { Worker } from "node:worker_threads";
import type { AlertStore } from "../core/alert.ts";
import type { CallStore } from "../core/calls.stored.ts";
import type { Clock } from "../core/clock.ts";
import type { StorageFailing } from "../core/events.ts";
import type { Random } from "../core/random.ts";
import { createSeal } from "../core/seal.ts";
import type {
  NewNotification,
  NotificationMark,
  NotificationQuery,
  NotificationRead,
  StoredNotification,
} from "../core/stored.notification.ts";
import type {
  NewAudit,
  NewMove,
  NewRevision,
  Page,
  PageRequest,
  StoredAudit,
  StoredBreaker,
  StoredHealth,
  StoredMove,
  StoredPause,
  StoredPin,
  StoredRevision,
  VerificationCount,
} from "../core/stored.ts";
import { openChannel } from "./channel.ts";
import { StorageError } from "./error.ts";
import type { ThreadOptions } from "./protocol.ts";
import { spawn } from "./spawn.ts";
import { openSqliteSpool, type SqliteSpool } from "./spool/driver.ts";
import type { SpoolBounds } from "./spool/wire.ts";
import { alertStore, type Call, callStore } from "./stores.ts";
import { createWriters } from "./writers.ts";

export type { SqliteSpool } from "./spool/driver.ts";
export type { SpoolBounds } from "./spool/wire.ts";

/** `history.db`. Every promise may reject with a `StorageError`. */
export interface History {
  loadBreakers(): Promise<readonly StoredBreaker[]>;
  /** Never waits and never fails: the newest row of each breaker is kept here until it is on disk. */
  saveBreaker(row: StoredBreaker): void;
  loadHealth(): Promise<readonly StoredHealth[]>;
  /** As {@link saveBreaker}, of each upstream. */
  saveHealth(row: StoredHealth): void;
  loadPins(): Promise<readonly StoredPin[]>;
  savePin(pin: StoredPin): Promise<void>;
  removePin(app: string): Promise<void>;
  /** Never waits and never fails: kept here until it is on disk, the newest thousand of them. */
  addMove(move: NewMove): void;
  /** Newest first; of all apps where `app` is null. */
  moves(page: PageRequest & { readonly app: string | null }): Promise<Page<StoredMove>>;
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
  /** Adds to what there is. */
  addVerifications(rows: readonly VerificationCount[]): Promise<void>;
  /** Of each of these hours, the sums of each route since then. */
  verificationsSince(hours: readonly number[]): Promise<readonly (readonly Omit<VerificationCount, "hour">[])[]>;
  readonly calls: CallStore;
  readonly alerts: AlertStore;
  /** Never waits and never fails: kept here until it is on disk, the newest few thousand of them. */
  addNotification(notification: NewNotification): void;
  /** As {@link addNotification}, of each notification and channel. */
  markNotification(mark: NotificationMark): void;
  /** Newest first. */
  notifications(query: NotificationQuery): Promise<Page<StoredNotification>>;
  notification(id: string): Promise<StoredNotification | null>;
  /** Somebody has read it; resolves with it as it is then, or null where there is none. */
  readNotification(read: NotificationRead): Promise<StoredNotification | null>;
  meta(key: string): Promise<string | null>;
  setMeta(key: string, value: string): Promise<void>;
}

export interface Storage extends AsyncDisposable {
  readonly history: History;
  /** Opens what the asynchronous path stands on, once; rejects with a `StorageError`, as for a wrong `key`. */
  openSpool(options: SpoolOptions): Promise<SqliteSpool>;
  /** Resolves once all that was given before is committed; rejects when a row that is kept could not be. */
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
  /** The thread had died and is there again, or the file was damaged and is another now: it knows less than was told it. */
  readonly onBack?: () => void;
}

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
      // A file that was replaced knows neither bounds nor where fences begin, and what waits in it may be due anew.
      if (store === "spool" && isNew) {
        replaced = true;
        spool?.reopened();
        spoolOptions?.onBack?.();
      }
    },
    onBack: () => {
      for (const { sendAll } of Object.values(writers)) sendAll();
      spool?.reopened();
      spoolOptions?.onBack?.();
    },
    onCommit: (ms, jobs) => spoolOptions?.onCommit?.(ms, jobs),
  });
  // The commands' own types say what each name takes and gives: the one place where that meets untyped messages.
  const call = channel.call as Call;
  const writers = createWriters(call, clock);

  const close = (): Promise<void> => {
    for (const { sendLast } of Object.values(writers)) sendLast();
    return channel.close();
  };
  return {
    history: {
      loadBreakers: () => call("breakers.load", null),
      saveBreaker: writers.breakers.save,
      loadHealth: () => call("health.load", null),
      saveHealth: writers.upstreams.save,
      loadPins: () => call("pins.load", null),
      savePin: (pin) => call("pins.save", pin),
      removePin: (app) => call("pins.remove", app),
      addMove: writers.moves.save,
      moves: (page) => call("moves.list", page),
      addRevision: (revision) => call("revisions.add", revision),
      revisions: (page) => call("revisions.list", page),
      manifestOf: (revision) => call("revisions.manifest", revision),
      addAudit: (entry) => call("audit.add", entry),
      audit: (page) => call("audit.list", page),
      loadPauses: () => call("pauses.load", null),
      savePause: (pause) => call("pauses.save", pause),
      removePause: (app, capability) => call("pauses.remove", [app, capability]),
      addVerifications: (rows) => call("verifications.add", rows),
      verificationsSince: (hours) => call("verifications.since", hours),
      calls: callStore(call),
      alerts: alertStore(call),
      addNotification: writers.notifications.save,
      markNotification: writers.marks.save,
      notifications: (query) => call("notifications.list", query),
      notification: (id) => call("notifications.find", id),
      readNotification: (read) => call("notifications.read", read).then(() => call("notifications.find", read.id)),
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
      for (const { sendAll } of Object.values(writers)) sendAll();
      await call("barrier", null);
      // A row that came while an older one of its key was under way has left only now.
      await call("barrier", null);
      const failed = Object.entries(writers).filter(([, writer]) => writer.failed() > 0);
      if (failed.length === 0) return;
      const what = failed.map(([name, writer]) => `${writer.failed()} ${name}`).join(", ");
      throw new StorageError("failed", `the state of ${what} could not be written`);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
