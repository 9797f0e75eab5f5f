import type { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../core/clock.ts";
import type { Command } from "./database.ts";
import { StorageError } from "./error.ts";
import type { FromThread, ToThread } from "./protocol.ts";

/**
 * The main thread's side. All commands of one turn of the event loop leave in one message, and while two messages are
 * under way, those of all turns until one is answered: the thread has enough to do, and each message costs a wake-up.
 * Should the thread die, everything unanswered fails at once (it may or may not have been done), and the thread is
 * started again after a wait that doubles while it keeps dying: storage that is away costs no request its answer.
 */
export interface Channel {
  /** Rejects with a `StorageError`. An argument that is {@link Late} is made when the turn of the loop is over. */
  call(name: string, arg: unknown): Promise<unknown>;
  /** Copies a store's file to `path`, while commands go on. Rejects with a `StorageError`. */
  backup(store: string, path: string): Promise<void>;
  /** Answers what was called, then ends the thread. Twice is safe. */
  close(): Promise<void>;
}

export interface ChannelOptions {
  readonly start: () => Worker;
  readonly clock: Clock;
  readonly onFailing: (store: string, detail: string, replaced: boolean) => void;
  /** The thread is there again after it had died. */
  readonly onBack: () => void;
  readonly onCommit?: OnCommit;
}

/** An argument that grows until its message leaves; `transfer` are buffers that are handed over. */
export class Late {
  readonly make: () => { readonly arg: unknown; readonly transfer: readonly ArrayBuffer[] };
  constructor(make: Late["make"]) {
    this.make = make;
  }
}

/** How long commits take, and how many commands one holds. */
export type OnCommit = (ms: number, commands: number) => void;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: StorageError) => void;
}

/** Calls without an answer: beyond them storage is too far behind, and the caller hears it at once. */
export const MAX_WAITING = 65_536;
/** With one, the thread would have nothing to do until its answer has been read. */
const MOST_UNDER_WAY = 2;
const RESTART_MIN_MS = 1_000;
const RESTART_MAX_MS = 30_000;
/** A thread that lived this long had not been dying of its start. */
const STEADY_MS = 60_000;
/** A disk that stalls must not hold up the end of the process for ever. */
const CLOSE_MS = 10_000;
/** A disk that does not answer must not hold up the start without a word: then the thread is given up. */
const START_MS = 60_000;
const CLOSE: ToThread = { kind: "close" };

/** Starts the thread and waits until its files are open; rejects with the `StorageError` that kept it from that. */
export async function openChannel(options: ChannelOptions): Promise<Channel> {
  const { clock } = options;
  /** The last one started … */
  let current: Worker | null = null;
  /** … and the same once its files are open. */
  let worker: Worker | null = null;
  let ended: Promise<void> = Promise.resolve();
  let closing: Promise<void> | null = null;
  let restart: Timer | null = null;
  let deaths = 0;
  let outgoing: Command[] = [];
  let waiting: Waiting[] = [];
  /** Of each message under way, how many of its commands have no answer yet. */
  let underWay: number[] = [];

  /** `overdue` is told in time even of a thread that hangs in the kernel, where nothing can end it. */
  function launch(
    opened: () => void,
    refused: (error: StorageError) => void,
    overdue: (error: StorageError) => void = () => {},
  ): void {
    const started = options.start();
    current = started;
    const startedAt = clock.now();
    let cause = new StorageError("thread", "the storage thread ended");
    const late = clock.after(
      START_MS,
      () => {
        cause = new StorageError("thread", `the files of data_dir were not open after ${START_MS / 1000} s`);
        void started.terminate();
        overdue(cause);
      },
      undefined,
    );
    started.on("message", (message: FromThread) => {
      switch (message.kind) {
        case "opened":
          clock.cancel(late);
          worker = started;
          if (closing) started.postMessage(CLOSE);
          return opened();
        case "recovering":
          return clock.cancel(late);
        case "refused":
          cause = new StorageError(message.code, message.message);
          return;
        case "replies":
          if (message.commit !== null) options.onCommit?.(message.commit.ms, message.commit.jobs);
          return settle(message.replies);
        case "backup":
          return backedUp(message.path, message.error);
        case "failing":
          return options.onFailing(message.store, message.detail, message.replaced);
      }
    });
    started.on("error", (error: Error) => {
      cause = new StorageError("thread", `the storage thread ended: ${error.message}`, { cause: error });
    });
    ended = new Promise((resolve) => {
      started.on("exit", () => {
        clock.cancel(late);
        const wasOpen = worker === started;
        worker = null;
        current = null;
        abandon(closing ? new StorageError("closed", "storage is closed") : cause);
        if (!wasOpen) refused(cause);
        else died(cause, clock.now() - startedAt);
        resolve();
      });
    });
  }

  function settle(replies: Extract<FromThread, { kind: "replies" }>["replies"]): void {
    const answered = waiting.slice(0, replies.length);
    waiting = waiting.slice(replies.length);
    for (let left = replies.length; left > 0 && underWay.length > 0; ) {
      const [first = 0] = underWay;
      if (first <= left) underWay.shift();
      else underWay[0] = first - left;
      left -= first;
    }
    // Those behind it work before what they lead to here.
    post();
    for (const [i, { resolve, reject }] of answered.entries()) {
      const reply = replies[i];
      if (reply?.ok) resolve(reply.value);
      else if (reply) reject(new StorageError(reply.code, reply.message));
    }
  }

  const backups = new Map<string, Waiting>();

  function backedUp(path: string, error: string | null): void {
    const waiter = backups.get(path);
    backups.delete(path);
    if (error === null) waiter?.resolve(undefined);
    else waiter?.reject(new StorageError("failed", error));
  }

  function abandon(error: StorageError): void {
    for (const { reject } of backups.values()) reject(error);
    backups.clear();
    const abandoned = waiting;
    waiting = [];
    outgoing = [];
    underWay = [];
    for (const { reject } of abandoned) reject(error);
  }

  function died(error: StorageError, livedMs: number): void {
    if (closing) return;
    deaths = livedMs >= STEADY_MS ? 1 : deaths + 1;
    const waitMs = Math.min(RESTART_MIN_MS * 2 ** (deaths - 1), RESTART_MAX_MS);
    options.onFailing("thread", `${error.message}; it is started again in ${waitMs / 1000} s`, false);
    restart = clock.after(waitMs, () => launch(options.onBack, (again) => died(again, 0)), undefined);
  }

  function post(): void {
    if (underWay.length < MOST_UNDER_WAY) postAll();
  }

  function postAll(): void {
    if (outgoing.length === 0 || !worker) return;
    const leaving = outgoing;
    outgoing = [];
    const transfer: ArrayBuffer[] = [];
    const commands = leaving.map(([name, arg]): Command => {
      if (!(arg instanceof Late)) return [name, arg];
      const made = arg.make();
      transfer.push(...made.transfer);
      return [name, made.arg];
    });
    const message: ToThread = { kind: "batch", commands };
    underWay.push(commands.length);
    worker.postMessage(message, transfer);
  }

  async function end(): Promise<void> {
    if (restart) clock.cancel(restart);
    postAll();
    worker?.postMessage(CLOSE);
    const stalled = clock.after(CLOSE_MS, () => void current?.terminate(), undefined);
    await ended;
    clock.cancel(stalled);
  }

  await new Promise<void>((resolve, reject) => launch(resolve, reject, reject));
  return {
    call(name, arg) {
      if (closing) return Promise.reject(new StorageError("closed", "storage is closed"));
      if (!worker) return Promise.reject(new StorageError("thread", "the storage thread is being started again"));
      if (waiting.length >= MAX_WAITING) return Promise.reject(new StorageError("busy", "storage is too far behind"));
      if (outgoing.length === 0) setImmediate(post);
      outgoing.push([name, arg]);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    backup(store, path) {
      if (closing || !worker) return Promise.reject(new StorageError("thread", "the storage thread is away"));
      const message: ToThread = { kind: "backup", store, path };
      worker.postMessage(message);
      return new Promise((resolve, reject) => backups.set(path, { resolve: () => resolve(), reject }));
    },
    close() {
      closing ??= end();
      return closing;
    },
  };
}
