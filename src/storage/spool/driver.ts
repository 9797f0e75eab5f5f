import type { Clock } from "../../core/clock.ts";
import { createIds, createIdTexts, type JobId, parseId } from "../../core/job.id.ts";
import type { Random } from "../../core/random.ts";
import type { Seal } from "../../core/seal.ts";
import type { Movable } from "../../spool/move/port.ts";
import type { AnswerStore, Lease, Settlement, Spool, StoredAnswer } from "../../spool/port.ts";
import type { Channel } from "../channel.ts";
import { StorageError } from "../error.ts";
import { answerHead, readAnswerHead } from "./answer.head.ts";
import type { FoundJob } from "./commands.ts";
import { gatherPuts, gatherSettles } from "./gather.ts";
import { sqliteMover } from "./mover.ts";
import { readable, seqOf, unpack } from "./pack.ts";
import type { AnswerRow, ClaimReply, OpenReply, SpoolBounds } from "./wire.ts";

/** The spool in `spool.db`, as the main thread has it. */
export interface SqliteSpool extends Spool, AnswerStore {
  /** New bounds, from the next job on. */
  configure(bounds: SpoolBounds): void;
  /** The thread is there again after it had died: tells it what it has to know. */
  reopened(): void;
  /** Copies the file while everything goes on. */
  backup(to: string): Promise<void>;
  readonly mover: Movable;
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
  const puts = gatherPuts(call, seal);
  const settles = gatherSettles(call);
  const idTexts = createIdTexts();
  const found = (id: JobId) => ({ id, now: now(), wall: clock.wall() });

  const settle: Spool["settle"] = (lease, settlement) => {
    const seq = seqOf(lease);
    if (seq === null) return Promise.resolve(false);
    return settles.add(seq, lease.attempt, settlement, now());
  };

  const find = (id: JobId): Promise<FoundJob | null> => call("spool.find", found(id));
  /** Null where the store is away just now: its lease is met again. */
  const endUnreadable = async (lease: Lease): Promise<FoundJob | null> => {
    const id = parseId(lease.id);
    try {
      return (await settle(lease, UNREADABLE)) && id !== null ? await find(id) : null;
    } catch {
      return null;
    }
  };

  return {
    put(job) {
      const at = now();
      const known = job.dead === undefined ? null : parseId(job.dead.id);
      const id = job.dead === undefined ? nextId(at) : known && { ...known, text: job.dead.id };
      if (id === null) return Promise.reject(new StorageError("failed", `${job.dead?.id} is no id of this spool`));
      return puts.put(id, job, at);
    },
    async claim({ app, capability, ...want }) {
      const route = `${app}/${capability}`;
      const reply = await call<ClaimReply>("spool.claim", { ...want, route, now: now(), wall: clock.wall() });
      const { jobs, unreadable } = unpack(reply.jobs, app, capability, seal, idTexts);
      const polls = reply.polls.map((poll) => ({ ...poll, app, capability }));
      const ended = await Promise.all(unreadable.map(endUnreadable));
      return { ...reply, jobs, polls, expired: [...reply.expired, ...ended.filter((job) => job !== null)] };
    },
    settle,
    hold: (leases) => call("spool.hold", { now: now(), leases }),
    async find(text) {
      const id = parseId(text);
      const job = id === null ? null : await find(id);
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
    async recall({ app, capability }, hash) {
      const asked = { now: now(), route: `${app}/${capability}`, hash };
      const found = await call<AnswerRow<StoredAnswer> | null>("spool.recall", asked);
      const headers = found && readAnswerHead(found.headers, seal);
      return found && headers && { ...found, headers };
    },
    remember: ({ app, capability }, key, { body, headers, ...answer }) =>
      call("spool.remember", {
        now: now(),
        route: `${app}/${capability}`,
        key,
        answer: { ...answer, headers: answerHead(headers, seal), body: Uint8Array.prototype.slice.call(body) },
      }),
    configure(next) {
      bounds = next;
      call("spool.bounds", next).catch(() => undefined);
    },
    reopened: () => void open().catch(() => undefined),
    backup: (to) => channel.backup("spool", to),
    mover: sqliteMover(call, seal, now),
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

type Call = <T>(name: string, arg: unknown) => Promise<T>;

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
