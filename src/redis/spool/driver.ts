import type { Clock } from "../../core/clock.ts";
import { OWN_APP } from "../../core/job.ts";
import type { Random } from "../../core/random.ts";
import type { Seal } from "../../core/seal.ts";
import type { Movable } from "../../spool/move/port.ts";
import type { AnswerStore, Lease, LeasedJob, Settlement, Spool } from "../../spool/port.ts";
import type { RedisLink } from "../connection.ts";
import { answerStore } from "./answers.ts";
import { type PutArgs, putArgs, receiptOf, settleArgs } from "./args.ts";
import { createGatherer } from "./gather.ts";
import { createLeases, LOCK_MS } from "./leases.ts";
import { redisMover } from "./mover.ts";
import { othersIn } from "./presence.ts";
import { readJob } from "./read.job.ts";
import { countsOf, leasedJobOf, leasedPollOf, list, num, routesOf, statesOf, summaryOf } from "./read.ts";
import { type Arg, createRunner, type Reply, type ScriptName } from "./scripts.ts";
import { checkSeal } from "./seal.ts";
import { openTime } from "./time.ts";

/** The spool in Redis, as this sidecar has it. */
export interface RedisSpool extends Spool, AnswerStore {
  /** New bounds, from the next job on. */
  configure(bounds: RedisSpoolBounds): void;
  /** Renews no lease any more. What it has not given back is due again when its locks run out. */
  close(): void;
  readonly mover: Movable;
  /** Other sidecars that use it now, or did within the last seconds. */
  others(): Promise<number>;
}

export interface RedisSpoolBounds {
  readonly maxJobs: number;
  /** Of bodies, heads, tries and answers; not of what Redis needs for them. */
  readonly maxBytes: number;
  readonly retainDeliveredMs: number;
  readonly retainDeadMs: number;
}

export interface RedisSpoolDeps {
  /** `onBack`: without it leases are renewed by the clock only, as for who is there for a moment. */
  readonly link: Pick<RedisLink, "client" | "prefix"> & Partial<Pick<RedisLink, "onBack">>;
  readonly clock: Clock;
  readonly random: Random;
  readonly seal: Seal;
  /** Names this sidecar through restarts: what it had leased before one is its own to take back. */
  readonly instance: string;
  /** What Redis's clock would say, in Unix milliseconds. For tests, which have a time of their own. */
  readonly serverMs?: number;
  /** Leases that others have by now, or may have: what of these has not begun must not begin. Told more than once. */
  readonly lost?: (ids: ReadonlySet<string>) => void;
}

/** Jobs put or settled in one script, and bytes of them: some milliseconds of Redis. */
const GATHERED = 64;
const GATHERED_BYTES = 1 << 20;
const SWEEP_STEP = 100;
/** Jobs changed in one script: Redis does nothing else meanwhile. */
const CHANGE_STEP = 50;
/** Records looked at for one part of a list. */
const LIST_STEP = 200;

/**
 * Opens it: leases that a process of this name had are taken back. Rejects where Redis is away, or where headers in it
 * were sealed with a key that is not known.
 */
export async function openRedisSpool(deps: RedisSpoolDeps, first: RedisSpoolBounds): Promise<RedisSpool> {
  const { clock, random, seal, instance, link } = deps;
  const run = createRunner(link.client, link.prefix);
  await checkSeal(link, seal);
  const time = await openTime(run, clock, deps.serverMs ?? null);
  let bounds = first;

  const ask = async (name: ScriptName, args: readonly Arg[]): Promise<readonly Reply[]> => {
    const reply = await run(name, [time.now(), ...args]);
    time.adopt(reply[0]);
    return reply;
  };
  const busy = async (): Promise<readonly string[]> => link.client.hkeys(`${link.prefix}busy`);
  const leases = createLeases({ instance, clock, ask, busy, lost: deps.lost ?? (() => undefined) });
  const summaries = (reply: Reply | undefined) => list(reply).map((one) => summaryOf(one, time.wall));
  const hold = async (held: readonly Lease[]): Promise<void> => {
    leases.set(held);
    await ask("hold", [instance, ...held.flatMap(({ id, attempt }) => [id, attempt])]);
  };
  const puts = createGatherer(
    async (all: readonly PutArgs[]) => {
      const args = all.flatMap(({ fields, content }) => [fields, content]);
      const [, ...receipts] = await ask("put", [bounds.maxJobs, bounds.maxBytes, ...args]);
      return receipts;
    },
    { most: GATHERED, bytes: GATHERED_BYTES, sizeOf: ({ fields, content }) => fields.length + content.length },
  );
  const ends = createGatherer(async (all: readonly string[]) => (await ask("settle", all)).slice(1), {
    most: GATHERED,
    bytes: GATHERED_BYTES,
    sizeOf: (fields) => fields.length,
  });
  const settle = async (lease: Lease, settlement: Settlement): Promise<boolean> => {
    const done = await ends.ask(settleArgs(lease, settlement));
    leases.remove(lease);
    return num(done) === 1;
  };
  const find = async (id: string) => readJob(await ask("find", [id]), seal, time.wall);
  try {
    await hold([]);
    // Says that we are here.
    await ask("renew", [LOCK_MS, instance]);
  } catch (error) {
    leases.stop();
    throw error;
  }
  link.onBack?.(leases.renewNow);

  return {
    put: async (job) => receiptOf(await puts.ask(putArgs(job, random, seal))),
    async claim({ app, capability, lane, max, maxBytes }) {
      const route = `${app}/${capability}`;
      const askedAt = clock.now();
      const reply = await ask("claim", [route, lane, max, maxBytes, instance, LOCK_MS]);
      const [, more, next, expired, rows] = reply;
      const ended = summaries(expired);
      const jobs: LeasedJob[] = [];
      const polls = lane === "verify" ? list(rows).map((row) => leasedPollOf(row, route)) : [];
      for (const row of lane === "verify" ? [] : list(rows)) {
        const job = leasedJobOf(row, route, seal);
        if (!("unreadable" in job)) jobs.push(job);
        // Where Redis is away just now its lease runs out, and it is met again.
        else if (await settle(job.unreadable, UNREADABLE).catch(() => false)) {
          const dead = await find(job.unreadable.id).catch(() => null);
          if (dead !== null) ended.push(dead);
        }
      }
      for (const { lease } of [...jobs, ...polls]) leases.add(lease, askedAt);
      const nextInMs = num(next) < 0 ? null : num(next);
      return { jobs, polls, more: num(more) === 1, nextInMs, expired: ended };
    },
    settle,
    hold,
    find,
    async list({ filter, limit, cursor }) {
      const { states, app = "", capability = "", reason = "", requestId = "", since = "", until = "" } = filter;
      // Of no state at all there is none.
      if (states?.length === 0) return { items: [], next: null };
      const ahead = time.wall(0);
      const narrowed = [(states ?? []).join(), app, capability, reason, requestId, since, until, ahead];
      const [, next, items] = await ask("list", [limit, cursor ?? "", LIST_STEP, ...narrowed]);
      return { items: summaries(items), next: num(next) < 0 ? null : num(next) };
    },
    async change(act, ids) {
      const changed = [];
      for (let at = 0; at < ids.length; at += CHANGE_STEP) {
        const [, part] = await ask("change", [act, ...ids.slice(at, at + CHANGE_STEP)]);
        changed.push(...summaries(part));
      }
      return changed;
    },
    async sweep() {
      const kept = [bounds.retainDeliveredMs, bounds.retainDeadMs];
      const [, expired, lapsed, more] = await ask("sweep", [...kept, SWEEP_STEP]);
      return { expired: summaries(expired), lapsed: summaries(lapsed), more: num(more) === 1 };
    },
    async survey() {
      const [, flat, oldest] = await ask("survey", [`${OWN_APP}/`]);
      const counts = countsOf(flat);
      const bytes = counts.get("bytes") ?? 0;
      const { maxJobs, maxBytes } = bounds;
      const full = (counts.get("waiting") ?? 0) >= maxJobs ? "jobs" : bytes >= maxBytes ? "bytes" : null;
      const oldestAgeMs = oldest === null ? null : time.now() - num(oldest);
      return { states: statesOf(counts), routes: routesOf(counts), bytes, oldestAgeMs, maxJobs, maxBytes, full };
    },
    ...answerStore(ask, seal),
    configure(next) {
      bounds = next;
    },
    close() {
      leases.stop();
      link.client.zrem(`${link.prefix}up`, instance).catch(() => undefined);
    },
    mover: redisMover(ask, seal),
    others: () => othersIn(link, instance),
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
