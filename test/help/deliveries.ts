import {
  DeliveriesAway,
  type DeliveryAct,
  type DeliveryService,
  type Parking,
  type SpoolInfo,
} from "../../src/admin/services.ts";
import type { JobFilter, JobState, JobSummary, StoredJob } from "../../src/core/job.ts";

/** Jobs held in memory, as the composition root would serve them from the spool. */
export interface TestDeliveries extends DeliveryService {
  /** The newest last. */
  readonly jobs: Map<string, StoredJob>;
  /** Each change as it was asked for: act, ids, by. */
  readonly calls: unknown[];
  /** What of the survey is not counted from the jobs. */
  info: Partial<SpoolInfo>;
  /** From then on every promise rejects. */
  away: boolean;
}

export const AT = 1_767_225_600_000;

/** A dead one, unless `given` says otherwise. */
export function storedJob(given: Partial<StoredJob> = {}): StoredJob {
  const body = given.body === undefined ? Buffer.from('{"answer":42}') : given.body;
  return {
    id: "job-1",
    app: "quiz",
    capability: "winner",
    state: "dead",
    reason: "permanent_status",
    detail: "the app answered 422",
    requestId: "request-1",
    at: AT,
    endedAt: AT + 60_000,
    dueAt: null,
    expiresAt: AT + 86_400_000,
    attempts: 1,
    sends: 1,
    origin: "async",
    size: body?.length ?? 0,
    request: {
      method: "POST",
      rest: "/7?room=a&token=t0p",
      target: "/quiz/winner/7",
      host: "hooks.example",
      httpVersion: "1.1",
      peer: "10.0.0.9",
      secure: false,
      headers: [
        "Content-Type",
        "application/json",
        "Authorization",
        "Bearer s3cret",
        "X-Hub-Signature-256",
        "sha256=ab",
      ],
    },
    body,
    orderKey: "room-7",
    inDoubt: false,
    tries: [
      {
        n: 0,
        at: AT + 50,
        upstream: "primary",
        worth: "permanent",
        reason: "status",
        status: 422,
        durationMs: 12.3456,
        detail: null,
        headers: ["Content-Type", "text/plain", "Set-Cookie", "sid=1"],
        body: Buffer.from("no such room").toString("base64"),
        bodyBytes: 12,
      },
    ],
    poll: null,
    ...given,
  };
}

const FROM: Readonly<Record<DeliveryAct, readonly JobState[]>> = {
  retry: ["dead", "cancelled"],
  resend: ["delivered"],
  cancel: ["queued", "leased"],
  delete: ["dead", "cancelled"],
};

export function testDeliveries(...given: readonly StoredJob[]): TestDeliveries {
  const jobs = new Map(given.map((job) => [job.id, job]));
  const calls: unknown[] = [];
  const parked = new Map<string, string>();
  const assertThere = (): void => {
    if (self.away) throw new DeliveriesAway("the storage thread is started again");
  };
  const park = (app: string, capability: string | null, by: string | null): Parking | null => {
    if (app !== "quiz" || (capability !== null && capability !== "winner")) return null;
    const name = capability === null ? app : `${app}/${capability}`;
    if (by === null) parked.delete(name);
    else parked.set(name, by);
    const appPaused = parked.has(app);
    return { paused: appPaused || (capability !== null && parked.has(name)), appPaused };
  };
  const self: TestDeliveries = {
    jobs,
    calls,
    info: {},
    away: false,
    async list({ filter, limit, cursor }) {
      assertThere();
      const all = [...jobs.values()].map((job, place) => ({ job, place })).reverse();
      const rest = all.filter(({ job, place }) => matches(job, filter) && (cursor === null || place < cursor));
      const part = rest.slice(0, limit);
      return { items: part.map(({ job }) => job), next: rest.length > limit ? (part.at(-1)?.place ?? null) : null };
    },
    async find(id) {
      assertThere();
      const job = jobs.get(id);
      return job === undefined || job.id === "" ? null : job;
    },
    async change(act, ids, by) {
      assertThere();
      calls.push([act, ids, by]);
      const before = ids.flatMap((id) => jobs.get(id) ?? []).filter(isIn(FROM[act]));
      for (const job of before) {
        // In its place, so that the places which cursors name stay as they are.
        if (act === "delete") jobs.set(job.id, { ...job, app: "deleted", id: "" });
        else jobs.set(job.id, act === "cancel" ? ended(job) : queued(job));
      }
      return before;
    },
    async import(job) {
      assertThere();
      if (jobs.has(job.id)) return false;
      jobs.set(job.id, job);
      return true;
    },
    async survey() {
      assertThere();
      return { ...surveyOf([...jobs.values()], parked), ...self.info };
    },
    pause: (app, capability, by) => park(app, capability, by),
    resume: (app, capability) => park(app, capability, null),
    backup: () => Promise.reject(new DeliveriesAway("there is no file here")),
  };
  return self;
}

/** A deleted job has no id. */
function isIn(states: readonly JobState[]): (job: StoredJob) => boolean {
  return ({ id, state }) => id !== "" && states.includes(state);
}

function ended(job: StoredJob): StoredJob {
  return { ...job, state: "cancelled", reason: "cancelled", dueAt: null, endedAt: AT + 90_000 };
}

function queued(job: StoredJob): StoredJob {
  return { ...job, state: "queued", reason: null, detail: null, attempts: 0, endedAt: null, dueAt: AT + 90_000 };
}

function matches(job: JobSummary, filter: JobFilter): boolean {
  const at = job.endedAt ?? job.at;
  return (
    job.id !== "" &&
    (filter.states === undefined || filter.states.includes(job.state)) &&
    (filter.app === undefined || filter.app === job.app) &&
    (filter.capability === undefined || filter.capability === job.capability) &&
    (filter.reason === undefined || filter.reason === job.reason) &&
    (filter.requestId === undefined || filter.requestId === job.requestId) &&
    (filter.since === undefined || at >= filter.since) &&
    (filter.until === undefined || at < filter.until)
  );
}

function surveyOf(jobs: readonly StoredJob[], parked: ReadonlyMap<string, string>): SpoolInfo {
  const states = { queued: 0, leased: 0, verifying: 0, delivered: 0, dead: 0, cancelled: 0 };
  for (const { state } of jobs) states[state]++;
  const by = parked.get("quiz") ?? parked.get("quiz/winner");
  const { queued: waiting, leased, dead } = states;
  const there = jobs.length > 0 || by !== undefined;
  const cause = by === undefined ? null : { cause: "paused" as const, since: AT, by };
  return {
    states,
    bytes: 65_536,
    maxBytes: 2 ** 30,
    maxJobs: 100_000,
    full: null,
    oldestAgeMs: waiting + leased > 0 ? 7_200_000 : null,
    routes: there
      ? [{ app: "quiz", capability: "winner", queued: waiting, leased, verifying: 0, dead, parked: cause }]
      : [],
  };
}
