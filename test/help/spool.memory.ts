import type { Clock } from "../../src/core/clock.ts";
import { uuidv7 } from "../../src/core/ids.ts";
import type { DeadReason, JobSummary, RouteName } from "../../src/core/job.ts";
import type { Random } from "../../src/core/random.ts";
import type {
  Act,
  AnswerStore,
  Claim,
  Claimed,
  LeasedJob,
  LeasedPoll,
  NewJob,
  Receipt,
  Settlement,
  Spool,
  StoredAnswer,
  Swept,
} from "../../src/spool/port.ts";
import {
  bytesOf,
  isBehind,
  isWaiting,
  jobOf,
  laneOf,
  leasedOf,
  matches,
  newRow,
  pollOf,
  type Row,
  stateOf,
  summaryOf,
} from "./spool.memory.row.ts";
import { createRows } from "./spool.memory.rows.ts";
import { surveyOf } from "./spool.memory.survey.ts";

export interface MemorySpoolOptions {
  readonly maxJobs?: number;
  readonly maxBytes?: number;
  readonly retainDeliveredMs?: number;
  readonly retainDeadMs?: number;
}

export interface MemorySpool extends Spool, AnswerStore {
  /** What a store does when it finds leases of a process that died: they are nobody's, and due at once. */
  recover(): void;
}

/** So much longer than it may live waits what is verified. */
const LAPSE_MS = 60_000;

/** So many jobs are one small step of upkeep. */
const SWEEP_STEP = 100;

const FROM: Readonly<Record<Act, readonly string[]>> = {
  retry: ["dead", "cancelled"],
  resend: ["delivered", "verifying"],
  cancel: ["queued", "leased", "verifying"],
  delete: ["dead", "cancelled"],
};

/**
 * The port at its plainest, for tests: every verb is done at once or not at all, and looks at every job. It survives
 * nothing, so it is no spool for anything else.
 */
export function createMemorySpool(clock: Clock, random: Random, options: MemorySpoolOptions = {}): MemorySpool {
  const { maxJobs = Infinity, maxBytes = Infinity, retainDeliveredMs = Infinity, retainDeadMs = Infinity } = options;
  const rows = createRows();
  const keys = new Map<string, { readonly bodyHash: string; readonly id: string; readonly until: number }>();
  const answers = new Map<string, { readonly answer: StoredAnswer; readonly until: number }>();
  let puts = 0;

  const keyOf = (route: RouteName, hash: string): string => `${route.app}/${route.capability} ${hash}`;
  const bytes = (): number => [...rows.values()].reduce((sum, row) => sum + bytesOf(row), 0);
  const waiting = (): number => [...rows.values()].filter(isWaiting).length;

  const reached = (more = 0): "jobs" | "bytes" | null => {
    if (maxJobs < Infinity && waiting() >= maxJobs) return "jobs";
    return maxBytes < Infinity && bytes() + more >= maxBytes ? "bytes" : null;
  };

  /** Delivered jobs make room: first their payloads, then they, the oldest first. */
  const makeRoom = (size: number): void => {
    if (maxBytes === Infinity) return;
    const delivered = [...rows.values()].filter((row) => row.state === "delivered").sort((a, b) => a.seq - b.seq);
    for (const row of delivered) if (bytes() + size >= maxBytes) row.body = null;
    for (const row of delivered) if (bytes() + size >= maxBytes) rows.drop(row);
  };

  const end = (row: Row, reason: DeadReason | null, detail: string | null, blocks: boolean): void => {
    row.state = reason === null ? "delivered" : stateOf(reason);
    row.reason = reason;
    row.detail = detail;
    row.blocks = blocks;
    row.endedAt = clock.now();
    row.verify = null;
    if (row.job.origin === "sync") rows.drop(row);
  };

  const queue = (row: Row, dueAt: number): void => {
    row.state = "queued";
    row.reason = null;
    row.detail = null;
    row.blocks = false;
    row.endedAt = null;
    row.dueAt = dueAt;
    row.verify = null;
    row.withdrawn = false;
  };

  const expire = (row: Row): JobSummary => {
    end(row, "expired", "it was too old", row.job.blocks === true && row.job.orderKey !== null);
    return summaryOf(row, clock);
  };

  const takeBack = (keep: (row: Row) => boolean): void => {
    for (const row of rows.values()) {
      if (keep(row)) continue;
      if (row.verify?.asking) {
        row.verify.asking = false;
        row.dueAt = Math.min(row.dueAt, clock.now());
      }
      if (row.state !== "leased") continue;
      row.inDoubt = true;
      queue(row, clock.now());
    }
  };

  const inLane = (want: Claim): Row[] =>
    [...rows.of(want)]
      .filter((row) => (row.state === "queued" || row.verify?.asking === false) && laneOf(row) === want.lane)
      .sort((a, b) => a.dueAt - b.dueAt || a.seq - b.seq);

  const claim = (want: Claim): Claimed => {
    const now = clock.now();
    const jobs: LeasedJob[] = [];
    const polls: LeasedPoll[] = [];
    const expired: JobSummary[] = [];
    let size = 0;
    for (const row of inLane(want)) {
      if (row.dueAt > now) break;
      if (row.verify !== null) {
        if (polls.length === want.max) break;
        row.verify.asking = true;
        row.attempt++;
        polls.push(pollOf(row, row.verify, clock));
        continue;
      }
      if (row.body === null || isBehind(row, rows.of(want))) continue;
      if (row.expiresAt <= now) {
        expired.push(expire(row));
        continue;
      }
      if (jobs.length === want.max || (jobs.length > 0 && size + row.body.length > want.maxBytes)) break;
      size += row.body.length;
      row.state = "leased";
      row.attempt++;
      jobs.push(leasedOf(row, row.body, clock));
    }
    // Looked at anew: an expired one may have set the next of its order key free.
    const next = inLane(want).find((row) => !isBehind(row, rows.of(want)));
    const nextInMs = next ? next.dueAt - now : null;
    const more = nextInMs !== null && nextInMs <= 0;
    return { jobs, polls, expired, more, nextInMs: more ? null : nextInMs };
  };

  const put = (job: NewJob): Receipt => {
    const now = clock.now();
    const key = job.key && keyOf(job, job.key.hash);
    const known = key === null ? undefined : keys.get(key);
    if (known && known.until > now) {
      return known.bodyHash === job.key?.bodyHash ? { kind: "duplicate", id: known.id } : { kind: "conflict" };
    }
    const id = job.dead?.id ?? uuidv7(clock, random);
    if (rows.get(id)) return { kind: "conflict" };
    const row = newRow(clock, id, puts, job);
    makeRoom(bytesOf(row));
    const bound = reached(bytesOf(row));
    if (bound === "bytes" || (bound === "jobs" && !job.dead)) return { kind: "full", bound };
    puts++;
    rows.keep(row);
    if (key !== null && job.key) keys.set(key, { bodyHash: job.key.bodyHash, id, until: now + job.key.ttlMs });
    return { kind: "queued", id };
  };

  const act = (what: Act, row: Row): void => {
    if (what === "delete") rows.drop(row);
    else if (what === "cancel") {
      row.withdrawn = row.state === "leased";
      end(row, "cancelled", "by an operator", false);
    } else {
      row.attempts = 0;
      row.expiresAt = clock.now() + row.job.maxAgeMs;
      queue(row, clock.now());
    }
  };

  const keepSends = (row: Row, settlement: Settlement): void => {
    row.withdrawn = false;
    row.tries = [...row.tries, ...settlement.tries];
    row.sends += settlement.tries.length;
    row.inDoubt ||= settlement.kind === "again" && settlement.inDoubt;
  };

  const sweep = (): Swept => {
    const now = clock.now();
    const expired: JobSummary[] = [];
    const lapsed: JobSummary[] = [];
    let steps = 0;
    for (const row of [...rows.values()]) {
      const kept = row.state === "delivered" ? retainDeliveredMs : retainDeadMs;
      const lapse = row.verify?.asking === false && row.expiresAt + LAPSE_MS <= now;
      const old = (row.state === "queued" && row.expiresAt <= now) || lapse;
      const done = row.endedAt !== null && now - row.endedAt >= kept;
      if (!old && !done) continue;
      if (steps++ === SWEEP_STEP) return { expired, lapsed, more: true };
      if (lapse) lapsed.push(summaryOf(row, clock));
      if (old) {
        const dead = expire(row);
        if (row.job.origin !== "sync") expired.push(dead);
      } else rows.drop(row);
    }
    for (const [key, { until }] of keys) if (until <= now) keys.delete(key);
    for (const [key, { until }] of answers) if (until <= now) answers.delete(key);
    return { expired, lapsed, more: false };
  };

  return {
    put: async (job) => put(job),
    claim: async (want) => claim(want),
    async settle({ id, attempt }, settlement) {
      const row = rows.get(id);
      const asking = row?.verify?.asking === true;
      if (row === undefined || row.attempt !== attempt || !(row.state === "leased" || asking)) {
        if (row?.withdrawn && row.attempt === attempt && settlement.tries.length > 0) keepSends(row, settlement);
        return false;
      }
      row.tries = [...row.tries, ...settlement.tries];
      row.sends += settlement.tries.length;
      if (settlement.kind === "verifying") {
        const { poll, forMs, delayMs } = settlement;
        row.state = "verifying";
        const until = forMs === null ? (row.verify?.until ?? 0) : clock.now() + forMs;
        row.verify = { poll, until, asking: false };
        row.dueAt = clock.now() + delayMs;
        return true;
      }
      const counts = settlement.kind === "again" ? settlement.spent : settlement.tries.length > 0 || asking;
      if (counts) row.attempts++;
      if (settlement.kind === "again") {
        row.inDoubt = settlement.inDoubt;
        queue(row, clock.now() + settlement.delayMs);
      } else if (settlement.kind === "dead") end(row, settlement.reason, settlement.detail, !settlement.release);
      else end(row, null, null, false);
      return true;
    },
    async hold(leases) {
      const held = new Map(leases.map(({ id, attempt }) => [id, attempt]));
      takeBack((row) => held.get(row.id) === row.attempt);
    },
    async find(id) {
      const row = rows.get(id);
      return row ? jobOf(row, clock) : null;
    },
    async list({ filter, limit, cursor }) {
      const found = [...rows.values()]
        .filter((row) => row.seq < (cursor ?? Infinity) && matches(summaryOf(row, clock), filter))
        .sort((a, b) => b.seq - a.seq);
      const part = found.slice(0, limit);
      const next = found.length > part.length ? (part.at(-1)?.seq ?? null) : null;
      return { items: part.map((row) => summaryOf(row, clock)), next };
    },
    async change(what, ids) {
      const able = [...new Set(ids)]
        .map((id) => rows.get(id))
        .filter((row) => row !== undefined)
        .filter((row) => FROM[what].includes(row.state) && !(what === "resend" && row.job.origin === "sync"))
        .filter((row) => row.body !== null || what === "delete" || row.job.origin === "sync");
      const before = able.map((row) => summaryOf(row, clock));
      for (const row of able) act(what, row);
      return before;
    },
    sweep: async () => sweep(),
    survey: async () => surveyOf([...rows.values()], { clock, maxJobs, maxBytes, bytes: bytes(), full: reached() }),
    async recall(route, hash) {
      const known = answers.get(keyOf(route, hash));
      return known && known.until > clock.now() ? known.answer : null;
    },
    async remember(route, { hash, bodyHash, ttlMs }, answer) {
      const kept = { ...answer, bodyHash, headers: [...answer.headers], body: Buffer.from(answer.body) };
      answers.set(keyOf(route, hash), { answer: kept, until: clock.now() + ttlMs });
    },
    recover: () => takeBack(() => false),
  };
}
