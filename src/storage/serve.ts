import { join } from "node:path";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type Command, type Database, openDatabase, type Reply, type Schema } from "./database.ts";
import { dropCopies, makeDataDir } from "./directory.ts";
import { toStorageError } from "./error.ts";
import { historySchema } from "./history/history.ts";
import { acquireOwner, type Owner } from "./owner.ts";
import type { Commit, FromThread, ThreadOptions, ToThread } from "./protocol.ts";
import { spoolSchema } from "./spool/schema.ts";
import { isPacked, PUT_NUMBERS } from "./spool/wire.ts";

/** Commands of one transaction: a longer queue is answered in parts. */
const MAX_BATCH = 4096;

export interface ServeOptions extends ThreadOptions {
  /** Unix milliseconds. */
  readonly wall: () => number;
  /** Milliseconds that only grow: for how long commits take. */
  readonly now: () => number;
  /** Reads every page of a file in the background. */
  readonly check: (path: string) => Check;
}

/** A check under way: what is wrong with the file, none if all is well. Stopped, it may never settle. */
export interface Check {
  readonly problems: Promise<readonly string[]>;
  readonly stop: () => void;
}

interface Store {
  readonly name: string;
  readonly db: Database;
  readonly check: Check;
}

/**
 * The storage thread's side: owns the data directory and its files until `close`, and answers batches. Whatever
 * waits on the port when one is looked at joins the same transaction and goes back in the same message.
 */
export function serve(port: MessagePort, options: ServeOptions): void {
  const send = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let owner: Owner | null = null;
  const stores: Store[] = [];
  try {
    makeDataDir(options.dataDir);
    owner = acquireOwner(options.dataDir, process.pid);
    dropCopies(options.dataDir);
    for (const schema of [historySchema, spoolSchema]) stores.push(openStore(schema, options, send));
  } catch (error) {
    for (const { db, check } of stores) {
      check.stop();
      db.close();
    }
    owner?.release();
    const { code, message } = toStorageError(error);
    send({ kind: "refused", code, message });
    port.close();
    return;
  }

  const held = owner;
  const [history, spool] = stores as [Store, Store];
  port.on("message", (first: ToThread) => {
    const { commands, backups, closing } = gather(port, first);
    for (let i = 0; i < commands.length; i += MAX_BATCH) {
      const part = commands.length <= MAX_BATCH ? commands : commands.slice(i, i + MAX_BATCH);
      const { replies, commit: ran } = answer(part, history.db, spool.db, options.now);
      const from = options.now();
      spool.db.synced(part.some(isUrgent), () => {
        const commit = ran && { ...ran, ms: ran.ms + options.now() - from };
        send({ kind: "replies", replies, commit }, buffersOf(replies));
      });
    }
    for (const { store, path } of backups) backUp(stores.find(({ name }) => name === store)?.db, path, send);
    if (!closing) return;
    spool.db.synced(true, () => {
      for (const { db, check } of stores) {
        check.stop();
        db.close();
      }
      held.release();
      port.close();
    });
  });
  send({ kind: "opened" });
}

/** Callers wait for these, who count milliseconds. */
function isUrgent([name]: Command): boolean {
  return name === "spool.put" || name === "spool.remember";
}

type Send = (message: FromThread, transfer?: ArrayBuffer[]) => void;

function openStore(schema: Schema, options: ServeOptions, send: Send): Store {
  const name = schema.file.replace(".db", "");
  let repairs = 0;
  let opened: Database | null = null;
  const failing = (detail: string): void => {
    const replaced = opened !== null && opened.repairs() > repairs;
    repairs = opened?.repairs() ?? 0;
    const tell = (): void => send({ kind: "failing", store: name, detail, replaced });
    // Behind the replies to what was done before.
    if (opened === null) tell();
    else opened.synced(false, tell);
  };
  const path = join(options.dataDir, schema.file);
  const onRecovering = (): void => {
    if (opened === null) send({ kind: "recovering" });
  };
  const db = openDatabase({ path, schema, wall: options.wall, onFailing: failing, onRecovering });
  // What was replaced before it was open, nobody has told anything yet.
  opened = db;
  repairs = db.repairs();
  const check = options.check(db.path);
  check.problems.then(
    // A command may have met the damage first: then the file that was read is already set aside.
    (problems) => problems.length > 0 && db.repairs() === 0 && db.repair(problems.join("; ")),
    (error: Error) => failing(`it could not be checked: ${error.message}`),
  );
  return { name, db, check };
}

/** Each store has its commands in one transaction; replies come in the order of all. `commit` is still to be flushed. */
function answer(
  commands: readonly Command[],
  history: Database,
  spool: Database,
  now: () => number,
): { readonly replies: Reply[]; readonly commit: Commit | null } {
  const ofSpool = commands.filter(([name]) => name.startsWith("spool."));
  if (ofSpool.length === 0) return { replies: history.run(commands), commit: null };
  const from = now();
  const fromSpool = spool.run(ofSpool);
  const commit = { ms: now() - from, jobs: jobsIn(ofSpool) };
  if (ofSpool.length === commands.length) return { replies: fromSpool, commit };
  const fromHistory = history.run(commands.filter(([name]) => !name.startsWith("spool.")));
  let s = 0;
  let h = 0;
  const replies = commands.map(([name]) => (name.startsWith("spool.") ? fromSpool[s++] : fromHistory[h++]) as Reply);
  return { replies, commit };
}

function jobsIn(commands: readonly Command[]): number {
  let jobs = 0;
  for (const [name, arg] of commands) {
    if (name === "spool.put" && isPacked(arg)) jobs += arg.numbers.length / PUT_NUMBERS;
  }
  return jobs;
}

/** Bodies of leased jobs are handed over, not copied. */
function buffersOf(replies: readonly Reply[]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const reply of replies) {
    if (!reply.ok || typeof reply.value !== "object" || reply.value === null || !("jobs" in reply.value)) continue;
    const { jobs } = reply.value;
    if (isPacked(jobs)) buffers.push(jobs.bytes.buffer as ArrayBuffer);
  }
  return buffers;
}

function backUp(db: Database | undefined, path: string, send: Send): void {
  const done = (error: string | null): void => send({ kind: "backup", path, error });
  if (db === undefined) return done("there is no such store");
  db.backup(path).then(
    () => done(null),
    (error: Error) => done(error.message),
  );
}

interface Gathered {
  readonly commands: Command[];
  readonly backups: Extract<ToThread, { kind: "backup" }>[];
  readonly closing: boolean;
}

/** Joins the message at hand with those behind it, up to a `close`. */
function gather(port: MessagePort, first: ToThread): Gathered {
  const commands: Command[] = [];
  const backups: Gathered["backups"] = [];
  let message: ToThread | undefined = first;
  while (message) {
    if (message.kind === "close") return { commands, backups, closing: true };
    if (message.kind === "backup") backups.push(message);
    else for (const command of message.commands) commands.push(command);
    message = receiveMessageOnPort(port)?.message as ToThread | undefined;
  }
  return { commands, backups, closing: false };
}
