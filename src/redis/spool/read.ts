import {
  type DeadReason,
  JOB_STATES,
  type JobOrigin,
  type JobState,
  type JobSummary,
  type Poll,
  type StoredRequest,
  type TryRecord,
} from "../../core/job.ts";
import type { Seal } from "../../core/seal.ts";
import type { LeasedJob, LeasedPoll, RouteSurvey } from "../../spool/port.ts";
import type { Reply } from "./scripts.ts";

/** Takes apart what the scripts give. They are ours, so that what is not as they say is a bug. */

export function text(reply: Reply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString("utf8") : typeof reply === "number" ? String(reply) : "";
}

export function textOrNull(reply: Reply | undefined): string | null {
  return reply === null || reply === undefined ? null : text(reply);
}

export function num(reply: Reply | undefined): number {
  return typeof reply === "number" ? reply : Number(text(reply));
}

export function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

/** From the store's time to that of people. */
export type ToWall = (time: number) => number;

export function routeOf(name: string): { readonly app: string; readonly capability: string } {
  const slash = name.indexOf("/");
  return { app: name.slice(0, slash), capability: name.slice(slash + 1) };
}

export function summaryOf(reply: Reply | undefined, wall: ToWall): JobSummary {
  const [id, route, state, reason, detail, rid, at, ended, due, exp, attempts, sends, origin, size] = list(reply);
  const time = (value: Reply | undefined): number | null => (value === null ? null : wall(num(value)));
  return {
    id: text(id),
    ...routeOf(text(route)),
    state: text(state) as JobState,
    reason: textOrNull(reason) as DeadReason | null,
    detail: textOrNull(detail),
    requestId: text(rid),
    at: num(at),
    endedAt: time(ended),
    dueAt: time(due),
    expiresAt: wall(num(exp)),
    attempts: num(attempts),
    sends: num(sends),
    origin: text(origin) as JobOrigin,
    size: num(size),
  };
}

/** The request as it is kept: its headers may be sealed. */
type Head = readonly [
  method: string,
  rest: string,
  target: string,
  host: string,
  httpVersion: string,
  peer: string,
  secure: 0 | 1,
  headers: readonly (string | null)[],
  sealed: string | null,
];

export function headText(request: StoredRequest, seal: Seal): string {
  const { method, rest, target, host, httpVersion, peer, secure } = request;
  const { headers, sealed } = seal.close(request.headers);
  const head: Head = [method, rest, target, host, httpVersion, peer, secure ? 1 : 0, headers, sealed];
  return JSON.stringify(head);
}

/** Null where it can't be read: damaged, or sealed with a key that is not known. */
export function requestOf(bytes: Buffer, seal: Seal): StoredRequest | null {
  try {
    const head = JSON.parse(bytes.toString("utf8")) as Head;
    const [method, rest, target, host, httpVersion, peer, secure, headers, sealed] = head;
    return { method, rest, target, host, httpVersion, peer, secure: secure === 1, headers: seal.open(headers, sealed) };
  } catch {
    return null;
  }
}

/** What both kinds of leases have, and the two fields of which each makes its own. */
function leasedRow(reply: Reply, route: string) {
  const [id, fence, rid, attempts, sends, doubt, origin, okey, at, age, left, first, second] = list(reply);
  const row = {
    ...routeOf(route),
    lease: { id: text(id), attempt: num(fence) },
    requestId: text(rid),
    attempts: num(attempts),
    sends: num(sends),
    inDoubt: text(doubt) === "1",
    origin: text(origin) as JobOrigin,
    ordered: okey !== null,
    at: num(at),
    ageMs: num(age),
    expiresInMs: num(left),
  };
  return { row, first, second };
}

/** Or its lease, where its request can't be read. */
export function leasedJobOf(
  reply: Reply,
  route: string,
  seal: Seal,
): LeasedJob | { readonly unreadable: LeasedJob["lease"] } {
  const { row, first, second } = leasedRow(reply, route);
  const content = Buffer.isBuffer(second) ? second : Buffer.alloc(0);
  const headBytes = num(first);
  const request = requestOf(content.subarray(0, headBytes), seal);
  if (request === null) return { unreadable: row.lease };
  return { ...row, request, body: content.subarray(headBytes) };
}

export function leasedPollOf(reply: Reply, route: string): LeasedPoll {
  const { row, first, second } = leasedRow(reply, route);
  return { ...row, poll: JSON.parse(text(first)) as Poll, leftMs: num(second) };
}

export function triesOf(reply: Reply | undefined): TryRecord[] {
  return list(reply).map((one) => JSON.parse(text(one)) as TryRecord);
}

/** Counts by name, as `s:queued` and `r:app/capability|first`. */
export function countsOf(reply: Reply | undefined): Map<string, number> {
  const flat = list(reply);
  const counts = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) counts.set(text(flat[i]), num(flat[i + 1]));
  return counts;
}

export function statesOf(counts: ReadonlyMap<string, number>): Record<JobState, number> {
  const pairs = JOB_STATES.map((state) => [state, counts.get(`s:${state}`) ?? 0] as const);
  return Object.fromEntries(pairs) as Record<JobState, number>;
}

export function routesOf(counts: ReadonlyMap<string, number>): RouteSurvey[] {
  const routes = new Map<string, Map<string, number>>();
  for (const [name, n] of counts) {
    const bar = name.lastIndexOf("|");
    if (!name.startsWith("r:") || bar === -1) continue;
    const route = name.slice(2, bar);
    const own = routes.get(route) ?? new Map<string, number>();
    own.set(name.slice(bar + 1), n);
    routes.set(route, own);
  }
  return [...routes].map(([route, own]) => {
    const dead = [...own].filter(([what]) => what.startsWith("dead:")).map(([what, n]) => [what.slice(5), n] as const);
    const of = (what: string): number => own.get(what) ?? 0;
    return {
      ...routeOf(route),
      first: of("first"),
      retry: of("retry"),
      behind: of("behind"),
      leased: of("leased"),
      verifying: of("verifying"),
      dead: Object.fromEntries(dead) as RouteSurvey["dead"],
    };
  });
}
