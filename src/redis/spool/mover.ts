import { parseId } from "../../core/job.id.ts";
import type { DeadReason, JobOrigin, Poll } from "../../core/job.ts";
import type { Seal } from "../../core/seal.ts";
import type { Movable, MovedJob } from "../../spool/move/port.ts";
import { answerStore, openHeaders } from "./answers.ts";
import { headText, list, num, requestOf, routeOf, text, triesOf } from "./read.ts";
import type { Arg, Reply, ScriptName } from "./scripts.ts";

type Ask = (name: ScriptName, args: readonly Arg[]) => Promise<readonly Reply[]>;

const MAX_JOBS = 200;
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_KEPT = 500;
const EMPTY_STEP = 100;

const UNREADABLE = "headers of a job were sealed with a key that OUTRIGGER_SPOOL_KEY does not name: set it, too";

/** Moves what Redis holds. */
export function redisMover(ask: Ask, seal: Seal): Movable {
  const { remember } = answerStore(ask, seal);
  const kept = async <T>(set: "keys" | "answers", after: number, read: (one: Reply, now: number) => T) => {
    const [now, found] = await ask("giveKept", [set, after, MAX_KEPT]);
    const items = list(found).map((one) => read(one, num(now)));
    return { items, next: items.length === 0 ? null : after + items.length };
  };
  return {
    async giveJobs(after) {
      const [now, last, jobs] = await ask("giveJobs", [after, MAX_JOBS, MAX_BYTES]);
      return { items: list(jobs).map((job) => givenJob(job, num(now), seal)), next: num(last) < 0 ? null : num(last) };
    },
    async takeJobs(jobs) {
      // All in one write, and in their order.
      await Promise.all(jobs.map((job) => ask("takeJob", takenJob(job, seal))));
    },
    giveKeys: (after) =>
      kept("keys", after, (one, now) => {
        const { name, fields } = keptOf(one);
        return { ...name, bodyHash: fields.get("body") ?? "", id: fields.get("id") ?? "", leftMs: leftMs(fields, now) };
      }),
    async takeKeys(keys) {
      await Promise.all(
        keys.map(({ app, capability, hash, bodyHash, id, leftMs: left }) =>
          ask("takeKey", [`${app}/${capability}`, hash, bodyHash, id, left]),
        ),
      );
    },
    giveAnswers: (after) =>
      kept("answers", after, (one, now) => {
        const { name, fields, content } = keptOf(one);
        const headers = openHeaders(fields.get("headers") ?? "", seal);
        if (headers === null) throw new Error(UNREADABLE);
        const bodyHash = fields.get("body") ?? "";
        const outcome = fields.get("outcome") ?? "";
        const answer = { bodyHash, status: Number(fields.get("status")), headers, body: content, outcome };
        return { ...name, leftMs: leftMs(fields, now), answer };
      }),
    async takeAnswers(answers) {
      for (const { app, capability, hash, leftMs: ttlMs, answer } of answers) {
        const { bodyHash, ...more } = answer;
        await remember({ app, capability }, { hash, bodyHash, ttlMs }, more);
      }
    },
    async empty() {
      const [, more] = await ask("empty", [EMPTY_STEP]);
      return num(more) === 1;
    },
  };
}

const leftMs = (fields: ReadonlyMap<string, string>, now: number): number => Number(fields.get("til")) - now;

function fieldsOf(reply: Reply | undefined): Map<string, string> {
  const flat = list(reply);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(text(flat[i]), text(flat[i + 1]));
  return fields;
}

/** Of a key or an answer: its name is route and hash. */
function keptOf(reply: Reply) {
  const [key, flat] = list(reply);
  const [route = "", hash = ""] = text(key).split("\n");
  const at = list(flat).findIndex((one, i) => i % 2 === 0 && text(one) === "content");
  const content = list(flat)[at + 1];
  return {
    name: { ...routeOf(route), hash },
    fields: fieldsOf(flat),
    content: at >= 0 && Buffer.isBuffer(content) ? content : Buffer.alloc(0),
  };
}

function givenJob(reply: Reply, now: number, seal: Seal): MovedJob {
  const [id, flat, content, tries] = list(reply);
  const fields = fieldsOf(flat);
  const of = (name: string): string | null => fields.get(name) ?? null;
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const state = of("state") as MovedJob["state"] | "leased";
  const poll = of("poll");
  const headBytes = of("hl");
  const bytes = Buffer.isBuffer(content) && headBytes !== null ? content : null;
  const request = bytes && requestOf(bytes.subarray(0, Number(headBytes)), seal);
  if (bytes !== null && request === null) throw new Error(UNREADABLE);
  return {
    ...routeOf(of("route") ?? "/"),
    id: text(id),
    state: state === "leased" ? "queued" : state,
    reason: of("reason") as DeadReason | null,
    detail: of("detail"),
    requestId: of("rid") ?? "",
    at: number("at"),
    origin: of("origin") as JobOrigin,
    size: number("size"),
    attempts: number("att"),
    sends: number("sends"),
    inDoubt: of("doubt") === "1" || state === "leased",
    orderKey: of("okey"),
    blocks: of("blocks") === "1",
    blocking: of("blk") === "1",
    ageMs: now - number("since"),
    maxAgeMs: number("age"),
    expiresInMs: number("exp") - now,
    dueInMs: number("due") - now,
    endedMs: of("ended") === null ? null : now - number("ended"),
    payload: bytes && request && { request, body: bytes.subarray(Number(headBytes)) },
    tries: triesOf(tries),
    poll: poll === null ? null : { poll: JSON.parse(poll) as Poll, leftMs: number("til") - now },
  };
}

function takenJob(job: MovedJob, seal: Seal): Arg[] {
  const id = parseId(job.id);
  if (id === null) throw new Error(`${job.id} is no id of this spool`);
  const head = job.payload && Buffer.from(headText(job.payload.request, seal));
  const verifying = job.state === "verifying";
  const record: Readonly<Record<string, string | number | null>> = {
    route: `${job.app}/${job.capability}`,
    rid: job.requestId,
    seq: id.seq,
    at: job.at,
    since: -job.ageMs,
    age: job.maxAgeMs,
    origin: job.origin,
    size: job.size,
    hl: head?.length ?? null,
    okey: job.orderKey,
    blocks: job.blocks ? "1" : null,
    state: job.state,
    lane: verifying ? "verify" : job.sends > 0 ? "retry" : "first",
    due: job.dueInMs,
    exp: job.expiresInMs,
    att: job.attempts,
    sends: job.sends,
    doubt: job.inDoubt ? "1" : "0",
    blk: job.blocking ? "1" : null,
    reason: job.reason,
    detail: job.detail,
    ended: job.endedMs === null ? null : -job.endedMs,
    poll: job.poll && JSON.stringify(job.poll.poll),
    til: job.poll?.leftMs ?? null,
  };
  const fields = Object.entries(record).flatMap(([name, value]) => (value === null ? [] : [name, value]));
  const content = job.payload && head ? Buffer.concat([head, job.payload.body]) : "";
  return [job.id, content, job.tries.length, ...job.tries.map((one) => JSON.stringify(one)), ...fields];
}
