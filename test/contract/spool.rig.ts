import { onTestFinished } from "vitest";
import type { JobFilter, JobSummary, Poll, RouteName, StoredRequest, TryRecord } from "../../src/core/job.ts";
import type { Page } from "../../src/core/stored.ts";
import type {
  AnswerStore,
  Claim,
  Claimed,
  LeasedJob,
  LeasedPoll,
  NewJob,
  RouteSurvey,
  Settlement,
  Spool,
  Survey,
} from "../../src/spool/port.ts";
import type { ManualClock } from "../help/manual-clock.ts";

/** What a driver brings to the contract suite, and the words that its tests share. */

/** What is left out is without bound, or kept for ever. */
export interface SpoolOptions {
  readonly maxJobs?: number;
  readonly maxBytes?: number;
  readonly retainDeliveredMs?: number;
  readonly retainDeadMs?: number;
}

export interface OpenedSpool {
  readonly spool: Spool & AnswerStore;
  /** The only time that the spool knows. */
  readonly clock: ManualClock;
  /** Opens the same store as after a kill; this one is not used any more. Null for a driver that can't. */
  readonly reopen: (() => Promise<OpenedSpool>) | null;
  /** May be called twice, and after `reopen`. */
  close(): Promise<void>;
}

export type OpenSpool = (options: SpoolOptions) => Promise<OpenedSpool>;

/** Opens a spool that is closed with the test. */
export type Start = (options?: SpoolOptions) => Promise<OpenedSpool>;

/** The same spool after a kill; leaves the test out for a driver that can't. */
export async function kill(opened: OpenedSpool, skip: (note: string) => never): Promise<OpenedSpool> {
  if (!opened.reopen) return skip("this driver cannot be opened again");
  const next = await opened.reopen();
  onTestFinished(() => next.close());
  return next;
}

export const QUIZ: RouteName = { app: "quiz", capability: "winner" };
export const POLL: RouteName = { app: "poll", capability: "closed" };

export const DAY_MS = 86_400_000;

const REQUEST: StoredRequest = {
  method: "POST",
  rest: "/42?a=%20b",
  target: "/quiz/winner/42",
  host: "sidecar.example",
  httpVersion: "1.1",
  peer: "10.0.0.7",
  secure: false,
  headers: ["Content-Type", "application/json", "X-Twice", "a", "x-twice", "b\u00fc"],
};

export function newJob(clock: ManualClock, more: Partial<NewJob> = {}): NewJob {
  return {
    ...QUIZ,
    requestId: "req-1",
    request: REQUEST,
    body: Buffer.from('{"n":1}'),
    maxAgeMs: DAY_MS,
    orderKey: null,
    key: null,
    origin: "async",
    sends: 0,
    tries: [],
    inDoubt: false,
    at: clock.wall(),
    ...more,
  };
}

export function tried(n: number, more: Partial<TryRecord> = {}): TryRecord {
  return {
    n,
    at: 1_700_000_000_000,
    upstream: "primary",
    worth: "transient",
    reason: "status",
    status: 503,
    durationMs: 12,
    detail: null,
    headers: ["Retry-After", "1"],
    body: Buffer.from("busy").toString("base64"),
    bodyBytes: 4,
    ...more,
  };
}

export const good = (n: number): TryRecord => ({
  n,
  at: 1_700_000_000_000,
  upstream: "primary",
  worth: "ok",
  reason: null,
  status: 200,
  durationMs: 7,
  detail: null,
});

export const delivered = (n = 0): Settlement => ({ kind: "delivered", tries: [good(n)] });

type Kind<K extends Settlement["kind"]> = Extract<Settlement, { kind: K }>;

export const again = (n: number, delayMs = 0): Kind<"again"> => ({
  kind: "again",
  tries: [tried(n)],
  delayMs,
  spent: true,
  inDoubt: false,
});

export const poll = (more: Partial<Poll> = {}): Poll => ({
  path: "/jobs/7?x=%2F\u00fc",
  upstream: "primary",
  url: "http://10.0.0.5:9000",
  status: 200,
  since: 1_700_000_000_000,
  repeatable: true,
  polls: 0,
  last: null,
  ...more,
});

/** After a good answer: its app is asked in a second, for a minute. */
export const verifying = (more: Partial<Kind<"verifying">> = {}): Kind<"verifying"> => ({
  kind: "verifying",
  tries: [good(0)],
  poll: poll(),
  delayMs: 1000,
  forMs: 60_000,
  ...more,
});

/** As it came: nothing was sent. */
export const givenBack: Kind<"again"> = { kind: "again", tries: [], delayMs: 0, spent: false, inDoubt: false };

export const dead = (more: Partial<Kind<"dead">> = {}): Kind<"dead"> => ({
  kind: "dead",
  tries: [tried(0)],
  reason: "permanent_status",
  detail: "the app answered 422",
  release: true,
  ...more,
});

/** The id of a job that has to be taken. */
export async function queue(spool: Spool, job: NewJob): Promise<string> {
  const receipt = await spool.put(job);
  if (receipt.kind !== "queued") throw new Error(`expected it to be queued, but it is ${JSON.stringify(receipt)}`);
  return receipt.id;
}

/** One after the other, so that their order is known. */
export async function queueAll(spool: Spool, jobs: readonly NewJob[]): Promise<string[]> {
  const ids: string[] = [];
  for (const job of jobs) ids.push(await queue(spool, job));
  return ids;
}

export const claim = (spool: Spool, more: Partial<Claim> = {}): Promise<Claimed> =>
  spool.claim({ ...QUIZ, lane: "first", max: 100, maxBytes: 2 ** 30, ...more });

/** Fails where a store says "more" without end: the test would hang, and hold a core. */
function* bounded(): Generator<number> {
  for (let n = 0; n < MAX_ROUNDS; n++) yield n;
  throw new Error(`it said that there is more ${MAX_ROUNDS} times`);
}

const MAX_ROUNDS = 5000;

/** Whatever is due on a route, in either lane. */
export async function take(spool: Spool, more: Partial<Claim> = {}): Promise<LeasedJob[]> {
  const jobs: LeasedJob[] = [];
  for (const lane of ["first", "retry"] as const) {
    for (const _ of bounded()) {
      const claimed = await claim(spool, { ...more, lane });
      jobs.push(...claimed.jobs);
      if (!claimed.more) break;
    }
  }
  return jobs;
}

/** Whatever is to be asked now. */
export async function takePolls(spool: Spool, more: Partial<Claim> = {}): Promise<readonly LeasedPoll[]> {
  return (await claim(spool, { ...more, lane: "verify" })).polls;
}

/** The one poll that is due on a route. */
export async function takePoll(spool: Spool): Promise<LeasedPoll> {
  const [one, ...others] = await takePolls(spool);
  if (!one || others.length > 0) throw new Error(`expected one due poll, not ${one ? 1 + others.length : 0}`);
  return one;
}

/** The one job that is due on a route. */
export async function takeOne(spool: Spool, more: Partial<Claim> = {}): Promise<LeasedJob> {
  const [job, ...others] = await take(spool, more);
  if (!job || others.length > 0) throw new Error(`expected one due job, not ${job ? 1 + others.length : 0}`);
  return job;
}

export const ids = (jobs: readonly (LeasedJob | JobSummary)[]): string[] =>
  jobs.map((job) => ("lease" in job ? job.lease.id : job.id));

export async function sweepAll(spool: Spool): Promise<JobSummary[]> {
  const expired: JobSummary[] = [];
  for (const _ of bounded()) {
    const swept = await spool.sweep();
    expired.push(...swept.expired);
    if (!swept.more) break;
  }
  return expired;
}

/** Every job of the filter, by parts of `limit`: a part may be short, or empty, and yet not the last. */
export async function listAll(spool: Spool, filter: JobFilter = {}, limit = 100): Promise<JobSummary[]> {
  const found: JobSummary[] = [];
  let cursor: number | null = null;
  for (const _ of bounded()) {
    const page: Page<JobSummary> = await spool.list({ filter, limit, cursor });
    if (page.items.length > limit) throw new Error(`a part of ${page.items.length} for a limit of ${limit}`);
    found.push(...page.items);
    cursor = page.next;
    if (cursor === null) break;
  }
  return found;
}

/** States that have jobs. */
export async function states(spool: Spool): Promise<Partial<Survey["states"]>> {
  const { states: all } = await spool.survey();
  return Object.fromEntries(Object.entries(all).filter(([, n]) => n > 0));
}

/** A route of which nothing is left may be in the survey with zeros, or not at all; so may a reason. */
export async function routeOf(spool: Spool, route: RouteName = QUIZ): Promise<Omit<RouteSurvey, keyof RouteName>> {
  const { routes } = await spool.survey();
  const found = routes.filter(({ app, capability }) => app === route.app && capability === route.capability);
  if (found.length > 1) throw new Error("the survey has a route twice");
  const { first = 0, retry = 0, behind = 0, leased = 0, verifying = 0, dead: byReason = {} } = found[0] ?? {};
  const dead = Object.fromEntries(Object.entries(byReason).filter(([, n]) => n > 0));
  return { first, retry, behind, leased, verifying, dead };
}
