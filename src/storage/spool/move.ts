import { idText, parseId } from "../../core/job.id.ts";
import { DEAD_REASONS, type Poll } from "../../core/job.ts";
import type { MovedAnswer, MovedJob, MovedKey, Part } from "../../spool/move/port.ts";
import type { StoredAnswer } from "../../spool/port.ts";
import type { Connection } from "../connection.ts";
import {
  BEHIND,
  CANCELLED,
  COLUMNS,
  DEAD,
  DELIVERED,
  type JobRow,
  laneOf,
  ORIGINS,
  type Payload,
  QUEUED,
  STRIPPED,
  summaryOf,
  VERIFY,
} from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import type { AnswerRow, Head } from "./wire.ts";

/** A moved job as it crosses to the storage thread: its payload has the head as the file keeps it. */
export interface MovedRow extends Omit<MovedJob, "payload" | "tries"> {
  readonly content: { readonly head: string; readonly body: Uint8Array } | null;
  readonly log: string | null;
}
export type MovedAnswerRow = Omit<MovedAnswer, "answer"> & { readonly answer: AnswerRow<StoredAnswer> };

export interface At<T> {
  readonly now: number;
  readonly items: readonly T[];
}
export interface Ask {
  readonly now: number;
  readonly after: number;
}

const MAX_JOBS = 200;
/** Of bodies; the first job comes whatever its size. */
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_KEYS = 1000;
const TABLES = ["jobs", "payloads", "tries", "polls", "leases", "counts", "keys", "answers"];

/** Gives all rows away, and takes those of another store. */
export function moveCommands(db: Connection, state: SpoolState, table: JobTable) {
  const sum = db.prepare<[number, number], { seq: number; size: number }>(
    "SELECT seq, size FROM jobs WHERE seq > ? ORDER BY seq LIMIT ?",
  );
  const route = (name: string) => ({
    app: name.slice(0, name.indexOf("/")),
    capability: name.slice(name.indexOf("/") + 1),
  });
  const payload = db.prepare<[number], Payload>("SELECT head, content FROM payloads WHERE seq = ?");
  const log = db.prepare<[number], string>("SELECT log FROM tries WHERE seq = ?").pluck();
  const poll = db.prepare<[number], { until: number; poll: string }>("SELECT until, poll FROM polls WHERE seq = ?");
  const rows = db.prepare<[number, number], JobRow>(
    `SELECT ${COLUMNS} FROM jobs WHERE seq > ? AND seq <= ? ORDER BY seq`,
  );

  const give = (row: JobRow, now: number): MovedRow => {
    const leased = state.leased.has(row.seq);
    const { state: name, ...known } = summaryOf(row, state.routeName(row.route), false, 0);
    const own = payload.get(row.seq);
    const asked = row.lane === VERIFY && row.state === QUEUED ? poll.get(row.seq) : undefined;
    const { id, app, capability, reason, detail, requestId, at, attempts, sends, origin, size } = known;
    return {
      ...{ id, app, capability, reason, detail, requestId, at, attempts, sends, origin, size },
      state: name === "leased" ? "queued" : name,
      inDoubt: row.doubt === 1 || (leased && name !== "verifying"),
      orderKey: row.okey,
      blocks: row.blocks === 1,
      blocking: row.state !== QUEUED && row.holds === 1,
      ageMs: now - row.since,
      maxAgeMs: row.age,
      expiresInMs: row.expires - now,
      dueInMs: row.due - now,
      endedMs: row.ended === null ? null : now - row.ended,
      content:
        own === undefined
          ? null
          : { head: own.content.toString("utf8", 0, own.head), body: new Uint8Array(own.content.subarray(own.head)) },
      log: log.get(row.seq) ?? null,
      poll: asked === undefined ? null : { poll: JSON.parse(asked.poll) as Poll, leftMs: asked.until - now },
    };
  };
  const take = createTake(db, state, table);
  const keys = db.prepare<
    [number, number],
    { id: number; route: number; hash: string; body_hash: string; seq: number; tail: number; until: number }
  >("SELECT * FROM keys WHERE id > ? ORDER BY id LIMIT ?");
  const answers = db.prepare<
    [number, number],
    {
      id: number;
      route: number;
      hash: string;
      body_hash: string;
      until: number;
      status: number;
      headers: string;
      body: Buffer;
      outcome: string;
    }
  >("SELECT * FROM answers WHERE id > ? ORDER BY id LIMIT ?");
  return {
    "spool.giveJobs": ({ now, after }: Ask): Part<MovedRow> => {
      let last = after;
      let bytes = 0;
      const found = sum.all(after, MAX_JOBS);
      for (const { seq, size } of found) {
        if (last !== after && bytes + size > MAX_BYTES) break;
        bytes += size;
        last = seq;
      }
      const items = rows.all(after, last).map((row) => give(row, now));
      return { items, next: found.length === 0 ? null : last };
    },
    "spool.takeJobs": ({ now, items }: At<MovedRow>): void => {
      state.now = now;
      for (const job of items) take(job, now);
    },
    "spool.giveKeys": ({ now, after }: Ask): Part<MovedKey> => {
      const found = keys.all(after, MAX_KEYS);
      const items = found.map((key) => ({
        ...route(state.routeName(key.route)),
        hash: key.hash,
        bodyHash: key.body_hash,
        id: idText(key),
        leftMs: key.until - now,
      }));
      return { items, next: found.at(-1)?.id ?? null };
    },
    "spool.takeKeys": takeKeys(db, state),
    "spool.giveAnswers": ({ now, after }: Ask): Part<MovedAnswerRow> => {
      const found = answers.all(after, MAX_JOBS);
      const items = found.map(({ route: id, hash, until, body_hash: bodyHash, status, headers, body, outcome }) => ({
        ...route(state.routeName(id)),
        hash,
        leftMs: until - now,
        answer: { bodyHash, status, headers, body: new Uint8Array(body), outcome },
      }));
      return { items, next: found.at(-1)?.id ?? null };
    },
    // Without a condition, whole pages go at once, however many rows there are.
    "spool.empty": (): boolean => {
      for (const name of TABLES) db.exec(`DELETE FROM ${name}`);
      state.reload();
      return false;
    },
  };
}

function createTake(db: Connection, state: SpoolState, table: JobTable) {
  const addPayload = db.prepare<[number, number, Uint8Array]>(
    "INSERT INTO payloads (seq, head, content) VALUES (?, ?, ?)",
  );
  return (job: MovedRow, now: number): void => {
    const id = parseId(job.id);
    if (id === null) throw new Error(`${job.id} is no id of this spool`);
    if (table.get(id.seq) !== undefined) return;
    const route = state.routeId(`${job.app}/${job.capability}`);
    const waits = job.state === "queued" || job.state === "verifying";
    const { orderKey } = job;
    table.insert({
      ...id,
      route,
      state: stateOf(job),
      lane: job.state === "verifying" ? VERIFY : waits && orderKey !== null ? BEHIND : laneOf(job.sends),
      due: now + job.dueInMs,
      at: job.at,
      since: now - job.ageMs,
      expires: now + job.expiresInMs,
      age: job.maxAgeMs,
      attempts: job.attempts,
      sends: job.sends,
      doubt: job.inDoubt ? 1 : 0,
      origin: ORIGINS.indexOf(job.origin),
      size: job.size,
      ended: job.endedMs === null ? null : now - job.endedMs,
      reason: job.reason === null ? null : DEAD_REASONS.indexOf(job.reason),
      detail: job.detail,
      request_id: job.requestId === job.id ? null : job.requestId,
      okey: orderKey,
      holds: orderKey !== null && (waits || job.blocking) ? 1 : 0,
      blocks: job.blocks ? 1 : 0,
    });
    if (job.content !== null) {
      const head = Buffer.from(job.content.head);
      addPayload.run(id.seq, head.length, Buffer.concat([head, job.content.body]));
    }
    if (job.log !== null) table.addTries(id.seq, job.log);
    if (job.poll !== null) table.setPoll(id.seq, now + job.poll.leftMs, JSON.stringify(job.poll.poll));
    table.arrange(route, orderKey);
  };
}

function stateOf({ state, content }: MovedRow): number {
  if (state === "dead") return DEAD;
  if (state === "cancelled") return CANCELLED;
  if (state !== "delivered") return QUEUED;
  return content === null ? STRIPPED : DELIVERED;
}

function takeKeys(db: Connection, state: SpoolState) {
  const add = db.prepare<[number, string, string, number, number, number]>(
    "INSERT OR IGNORE INTO keys (route, hash, body_hash, seq, tail, until) VALUES (?, ?, ?, ?, ?, ?)",
  );
  return ({ now, items }: At<MovedKey>): void => {
    for (const { app, capability, hash, bodyHash, id, leftMs } of items) {
      const own = parseId(id);
      if (own !== null) add.run(state.routeId(`${app}/${capability}`), hash, bodyHash, own.seq, own.tail, now + leftMs);
    }
  };
}

/** Of a job that comes from elsewhere: what a row says stands in the head, too. */
export function movedHead(job: MovedJob, headers: Head[7], sealed: Head[8]): Head | null {
  if (job.payload === null) return null;
  const { method, rest, target, host, httpVersion, peer, secure } = job.payload.request;
  const requestId = job.requestId === job.id ? null : job.requestId;
  const route = `${job.app}/${job.capability}`;
  return [
    ...([method, rest, target, host, httpVersion, peer, secure ? 1 : 0, headers, sealed] as const),
    ...([job.id, route, job.at, job.maxAgeMs, requestId, job.orderKey] as const),
  ];
}
