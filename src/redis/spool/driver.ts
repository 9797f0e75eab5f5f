import type { Clock } from "../../core/clock.ts";
import { parseId } from "../../core/job.id.ts";
import { OWN_APP } from "../../core/job.ts";
import type { Random } from "../../core/random.ts";
import type { Seal } from "../../core/seal.ts";
import type { Movable } from "../../spool/move/port.ts";
import type { AnswerStore, Lease, LeasedJob, NewJob, Receipt, Settlement, Spool } from "../../spool/port.ts";
import type { RedisLink } from "../connection.ts";
import { answerStore } from "./answers.ts";
import { createLeases, LOCK_MS } from "./leases.ts";
import { redisMover } from "./mover.ts";
import { othersIn } from "./presence.ts";
import { readJob } from "./read.job.ts";
import {
  countsOf,
  headText,
  leasedJobOf,
  leasedPollOf,
  list,
  num,
  routesOf,
  statesOf,
  summaryOf,
  text,
} from "./read.ts";
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
  readonly link: Pick<RedisLink, "client" | "prefix">;
  readonly clock: Clock;
  readonly random: Random;
  readonly seal: Seal;
  /** Names this sidecar through restarts: what it had leased before one is its own to take back. */
  readonly instance: string;
  /** What Redis's clock would say, in Unix milliseconds. For tests, which have a time of their own. */
  readonly serverMs?: number;
}

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
  const leases = createLeases({ instance, clock, ask, busy });
  const summaries = (reply: Reply | undefined) => list(reply).map((one) => summaryOf(one, time.wall));
  const hold = async (held: readonly Lease[]): Promise<void> => {
    leases.set(held);
    await ask("hold", [instance, ...held.flatMap(({ id, attempt }) => [id, attempt])]);
  };
  const settle = async (lease: Lease, settlement: Settlement): Promise<boolean> => {
    const [, done] = await ask("settle", [lease.id, lease.attempt, ...settleArgs(settlement)]);
    leases.remove(lease.id);
    return num(done) === 1;
  };
  const find = async (id: string) => readJob(await ask("find", [id]), seal, time.wall);
  await hold([]);
  // Says that we are here.
  await ask("renew", [LOCK_MS, instance]);

  return {
    async put(job) {
      const known = job.dead === undefined ? null : parseId(job.dead.id);
      if (job.dead !== undefined && known === null) throw new Error(`${job.dead.id} is no id of this spool`);
      const id = job.dead?.id ?? random.bytes(6).toString("hex");
      return receiptOf(await ask("put", putArgs(job, id, known?.seq ?? "", bounds, seal)));
    },
    async claim({ app, capability, lane, max, maxBytes }) {
      const route = `${app}/${capability}`;
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
      for (const { lease } of [...jobs, ...polls]) leases.add(lease);
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

function putArgs(
  job: NewJob,
  id: string,
  seq: number | "",
  { maxJobs, maxBytes }: RedisSpoolBounds,
  seal: Seal,
): Arg[] {
  const { key, dead, verify, body } = job;
  const head = Buffer.from(headText(job.request, seal));
  return [
    maxJobs,
    maxBytes,
    id,
    `${job.app}/${job.capability}`,
    job.requestId ?? "",
    job.at,
    Math.ceil(job.maxAgeMs),
    job.sends,
    job.inDoubt ? 1 : 0,
    job.origin,
    body.length,
    head.length,
    job.orderKey ?? "",
    job.blocks === true ? 1 : 0,
    key?.hash ?? "",
    key?.bodyHash ?? "",
    key === null ? "" : Math.ceil(key.ttlMs),
    dead?.reason ?? "",
    dead?.detail ?? "",
    verify === undefined ? "" : JSON.stringify(verify.poll),
    verify === undefined ? "" : Math.ceil(verify.delayMs),
    verify === undefined ? "" : Math.ceil(verify.forMs),
    verify === undefined ? Buffer.concat([head, body]) : "",
    seq,
    ...job.tries.map((one) => JSON.stringify(one)),
  ];
}

function receiptOf([, kind, more]: readonly Reply[]): Receipt {
  const said = text(kind);
  if (said === "queued" || said === "duplicate") return { kind: said, id: text(more) };
  if (said === "full") return { kind: said, bound: text(more) === "jobs" ? "jobs" : "bytes" };
  return { kind: "conflict" };
}

function settleArgs(s: Settlement): Arg[] {
  const tries = s.tries.map((one) => JSON.stringify(one));
  switch (s.kind) {
    case "delivered":
      return [s.kind, "", "", "", ...tries];
    case "again":
      return [s.kind, Math.ceil(s.delayMs), s.spent ? 1 : 0, s.inDoubt ? 1 : 0, ...tries];
    case "verifying":
      return [
        s.kind,
        JSON.stringify(s.poll),
        Math.ceil(s.delayMs),
        s.forMs === null ? "" : Math.ceil(s.forMs),
        ...tries,
      ];
    case "dead":
      return [s.kind, s.reason, s.detail ?? "", s.release ? 1 : 0, ...tries];
  }
}
