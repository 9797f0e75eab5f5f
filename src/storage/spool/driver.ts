import type { Clock } from "../../core/clock.ts";
import { DEAD_REASONS } from "../../core/job.ts";
import type { Random } from "../../core/random.ts";
import type { AnswerStore, NewJob, Receipt, Settlement, Spool } from "../../spool/port.ts";
import { type Channel, Late } from "../channel.ts";
import { StorageError } from "../error.ts";
import type { FoundJob } from "./commands.ts";
import { createIds, idText, type JobId, type NewId, parseId } from "./id.ts";
import { createParcel, type Parcel, readable, unpack } from "./pack.ts";
import type { Seal } from "./seal.ts";
import type { ClaimReply, OpenReply, PutResult, SettleCommand, SpoolBounds } from "./wire.ts";

/** The spool in `spool.db`, as the main thread has it. */
export interface SqliteSpool extends Spool, AnswerStore {
  /** New bounds, from the next job on. */
  configure(bounds: SpoolBounds): void;
  /** The thread is there again after it had died: tells it what it has to know. */
  reopened(): void;
  /** Copies the file while everything goes on. */
  backup(to: string): Promise<void>;
}

export interface SqliteSpoolDeps {
  readonly channel: Pick<Channel, "call" | "backup">;
  readonly clock: Clock;
  readonly random: Random;
  readonly seal: Seal;
}

/** Opens it: leases of a process that is no more are taken back. Rejects with a `StorageError`. */
export async function openSqliteSpool(deps: SqliteSpoolDeps, first: SpoolBounds): Promise<SqliteSpool> {
  const { channel, clock, random, seal } = deps;
  const call = channel.call as <T>(name: string, arg: unknown) => Promise<T>;
  const instance = random.bytes(12).toString("base64url");
  let bounds = first;
  // Another place each time, so that no lease of before fits by chance; there is room for 2^52 of them.
  const fence = (): number => random.below(2 ** 30) * 2 ** 21;
  const open = (): Promise<OpenReply> => call("spool.open", { wall: clock.wall(), instance, fence: fence(), bounds });
  const opened = await open();
  await checkKey(call, seal);
  // The spool's own time: it goes on from where it was, and no change of the clock moves it.
  const startedAt = clock.now();
  const now = (): number => Math.round(opened.now + clock.now() - startedAt);
  const nextId = createIds(random, opened.last);
  const parcels = createTurns(call, seal);
  const settles = createSettles(call);
  const found = (id: JobId) => ({ id, now: now(), wall: clock.wall() });

  const settle: Spool["settle"] = ({ id, attempt }, s) => {
    const seq = parseId(id)?.seq;
    if (seq === undefined) return Promise.resolve(false);
    return settles.add({
      now: now(),
      seq,
      attempt,
      tries: s.tries,
      kind: s.kind,
      delayMs: s.kind === "again" ? Math.ceil(s.delayMs) : 0,
      spent: s.kind === "again" && s.spent,
      inDoubt: s.kind === "again" && s.inDoubt,
      reason: s.kind === "dead" ? DEAD_REASONS.indexOf(s.reason) : -1,
      detail: s.kind === "dead" ? s.detail : null,
      release: s.kind === "dead" && s.release,
    });
  };

  return {
    put(job) {
      const at = now();
      const known = job.dead === undefined ? null : parseId(job.dead.id);
      const id = job.dead === undefined ? nextId(at) : known && { ...known, text: job.dead.id };
      if (id === null) return Promise.reject(new StorageError("failed", `${job.dead?.id} is no id of this spool`));
      return parcels.put(id, job, at);
    },
    async claim({ app, capability, ...want }) {
      const route = `${app}/${capability}`;
      const reply = await call<ClaimReply>("spool.claim", { ...want, route, now: now(), wall: clock.wall() });
      const { jobs, unreadable } = unpack(reply.jobs, app, capability, seal);
      // Where the store is away just now, their leases are met again.
      for (const lease of unreadable) void settle(lease, UNREADABLE).catch(() => undefined);
      return { ...reply, jobs };
    },
    settle,
    hold: (leases) => call("spool.hold", { now: now(), leases }),
    async find(text) {
      const id = parseId(text);
      const job = id === null ? null : await call<FoundJob | null>("spool.find", found(id));
      if (job === null) return null;
      const { head, ...rest } = job;
      return { ...rest, request: head === null ? null : readable(head, seal) };
    },
    list: (query) => call("spool.list", { ...query, now: now(), wall: clock.wall() }),
    change: (act, ids) =>
      call("spool.change", {
        act,
        ids: ids.map(parseId).filter((id) => id !== null),
        now: now(),
        wall: clock.wall(),
      }),
    sweep: () => call("spool.sweep", { now: now(), wall: clock.wall() }),
    survey: () => call("spool.survey", now()),
    recall: ({ app, capability }, hash) => call("spool.recall", { now: now(), route: `${app}/${capability}`, hash }),
    remember: ({ app, capability }, key, { body, ...answer }) =>
      call("spool.remember", {
        now: now(),
        route: `${app}/${capability}`,
        key,
        answer: { ...answer, body: Uint8Array.prototype.slice.call(body) },
      }),
    configure(next) {
      bounds = next;
      call("spool.bounds", next).catch(() => undefined);
    },
    reopened: () => void open().catch(() => undefined),
    backup: (to) => channel.backup("spool", to),
  };
}

/** Of a job whose request can't be read any more. */
const UNREADABLE: Settlement = {
  kind: "dead",
  reason: "cancelled",
  detail: "its request can't be read: damaged, or sealed with a key that OUTRIGGER_SPOOL_KEY no longer names",
  release: true,
  tries: [],
};

/** Bodies that were handed over and not acknowledged: beyond them a disk stalls, and who comes hears it at once. */
const MAX_UNANSWERED_BYTES = 128 * 1024 * 1024;

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

type Call = <T>(name: string, arg: unknown) => Promise<T>;

/** Joins the puts of one turn of the event loop. */
function createTurns(call: Call, seal: Seal) {
  let parcel: Parcel | null = null;
  let waiting: (Waiter<Receipt> & { readonly id: NewId })[] = [];

  let unanswered = 0;

  const begin = (): Parcel => {
    const own = createParcel(seal);
    const waiters: typeof waiting = [];
    parcel = own;
    waiting = waiters;
    const late = new Late(() => {
      parcel = null;
      return own.take();
    });
    call<readonly PutResult[]>("spool.put", late).then(
      (results) => {
        unanswered -= own.size;
        for (const [i, { id, resolve }] of waiters.entries()) resolve(receiptOf(results[i] as PutResult, id));
      },
      (error: unknown) => {
        unanswered -= own.size;
        // It may never have left.
        if (parcel === own) parcel = null;
        for (const { reject } of waiters) reject(error);
      },
    );
    return own;
  };
  return {
    put(id: NewId, job: NewJob, now: number): Promise<Receipt> {
      if (unanswered + job.body.length > MAX_UNANSWERED_BYTES) {
        return Promise.reject(new StorageError("busy", "storage is too far behind"));
      }
      unanswered += job.body.length;
      (parcel ?? begin()).add(id, job, now);
      return new Promise((resolve, reject) => waiting.push({ id, resolve, reject }));
    },
  };
}

function receiptOf(result: PutResult, id: NewId): Receipt {
  if (result === 0) return { kind: "queued", id: id.text };
  if (result === "conflict") return { kind: "conflict" };
  if (result === "jobs" || result === "bytes") return { kind: "full", bound: result };
  return { kind: "duplicate", id: idText(result) };
}

/** Joins the settles of one turn. */
function createSettles(call: Call) {
  let commands: SettleCommand[] | null = null;
  let waiting: Waiter<boolean>[] = [];
  const begin = (): SettleCommand[] => {
    const own: SettleCommand[] = [];
    const waiters: typeof waiting = [];
    commands = own;
    waiting = waiters;
    const late = new Late(() => {
      commands = null;
      return { arg: own, transfer: [] };
    });
    call<readonly boolean[]>("spool.settle", late).then(
      (results) => {
        for (const [i, { resolve }] of waiters.entries()) resolve(results[i] === true);
      },
      (error: unknown) => {
        if (commands === own) commands = null;
        for (const { reject } of waiters) reject(error);
      },
    );
    return own;
  };
  return {
    add(command: SettleCommand): Promise<boolean> {
      (commands ?? begin()).push(command);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
  };
}

const KEY_PRINT = "seal";

/**
 * Jobs sealed with another key could not be sent: that must be known at the start, not when each of them fails. The
 * file knows the prints of all keys that may be needed, the one that sealed last in front.
 */
async function checkKey(call: Call, seal: Seal): Promise<void> {
  const known = ((await call<string | null>("spool.meta", KEY_PRINT)) ?? "").split(",").filter((one) => one !== "");
  const [last] = known;
  const gone = known.filter((print) => !seal.prints.includes(print));
  const needed = gone.length === 0 ? [] : await call<readonly string[]>("spool.sealedBy", gone);
  if (needed.length > 0 || (last !== undefined && gone.includes(last))) {
    throw new StorageError(
      "failed",
      "OUTRIGGER_SPOOL_KEY is not the key that stored headers were sealed with: set that key, or both as NEW,OLD",
    );
  }
  const [own] = seal.prints;
  if (own === undefined) return;
  const prints = [own, ...known.filter((print) => print !== own && !gone.includes(print))].join();
  if (prints !== known.join()) await call("spool.setMeta", [KEY_PRINT, prints]);
}
