import type { Reply, Worth } from "../../src/core/exchange.ts";
import { fault } from "../../src/core/fault.ts";
import type { RouteName, TryRecord } from "../../src/core/job.ts";
import type { RetrySettings } from "../../src/core/settings.route.ts";
import type { LeasedJob } from "../../src/spool/port.ts";
import type { DeliveryRoute, Sending, Sent } from "../../src/spool/route.ts";

/** One send, as the app of a test sees it. */
export interface TestSend {
  readonly job: LeasedJob;
  /** False while the app has not answered. */
  ended: boolean;
  aborted: boolean;
  end(sent: Sent): void;
}

/** A route whose app, breaker, pace and memory are the test's. */
export interface TestRoute extends DeliveryRoute {
  /** Each send, in order. */
  readonly sends: TestSend[];
  /** Sends without an answer. */
  flying(): TestSend[];
  /** Of the jobs sent, in order. */
  ids(): string[];
  /** What the app answers at once; null: nothing, until the test ends it. */
  answer: (job: LeasedJob, n: number) => Sent | null;
  /** The breaker. */
  open: boolean;
  /** It admits, and is not closed. */
  trial: boolean;
  retryAfter: number | null;
  memory: boolean;
  /** What a send leaves that is ended by us before its answer came. */
  written: boolean;
}

const RETRY: RetrySettings = {
  attempts: 5,
  initialMs: 1_000,
  maxMs: 60_000,
  factor: 2,
  jitter: "none",
  budget: 20,
  maxAgeMs: 86_400_000,
  repeat: "always",
  transient: [],
  permanent: [],
};

export const hang = (): null => null;

type Given = Partial<Pick<TestRoute, "priority" | "takeToken" | "onDead" | "answer" | "retry">>;

/** One whose app is well, unless told otherwise. */
export function testRoute({ app, capability }: RouteName, given: Given = {}): TestRoute {
  const sends: TestSend[] = [];
  const route: TestRoute = {
    app,
    capability,
    key: `${app}/${capability}`,
    priority: 5,
    retry: RETRY,
    onDead: "release",
    takeToken: null,
    answer: (job) => ok(job),
    ...given,
    sends,
    open: false,
    trial: false,
    retryAfter: null,
    memory: true,
    written: false,
    admits: () => !route.open,
    onTrial: () => route.open || route.trial,
    retryAfterMs: () => route.retryAfter,
    flying: () => sends.filter(({ ended }) => !ended),
    ids: () => sends.map(({ job }) => job.lease.id),
    fits: () => route.memory,
    send: (job) => send(job),
  };
  const send = (job: LeasedJob): Sending => {
    const { promise: done, resolve } = Promise.withResolvers<Sent>();
    const one: TestSend = {
      job,
      ended: false,
      aborted: false,
      end(sent) {
        one.ended = true;
        resolve(sent);
      },
    };
    sends.push(one);
    const answer = route.answer(job, sends.length - 1);
    if (answer !== null) one.end(answer);
    return {
      done,
      abort() {
        if (one.ended) return;
        one.aborted = true;
        one.end(endedByUs(job, route.written));
      },
    };
  };
  return route;
}

const NO_HEADERS: readonly string[] = [];

function tryOf(job: LeasedJob, worth: Worth, status: number): TryRecord {
  const reason = worth === "ok" ? null : "status";
  return { n: job.sends, at: job.at, upstream: "primary", worth, reason, status, durationMs: 1, detail: null };
}

function sentOf(reply: Reply, worth: Worth, tries: readonly TryRecord[]): Sent {
  return { reply, worth, tries, trial: false, aborted: false, repeatable: true, inDoubt: false, verify: null };
}

function answered(job: LeasedJob, status: number, worth: Worth, retryAfterMs: number | null = null): Sent {
  const reason = worth === "ok" ? null : "status";
  const reply: Reply = {
    kind: "answer",
    worth,
    reason,
    status,
    headers: NO_HEADERS,
    body: Buffer.alloc(0),
    stream: null,
    retryAfterMs,
    upstream: "primary",
    detail: null,
  };
  return sentOf(reply, worth, [tryOf(job, worth, status)]);
}

export const ok = (job: LeasedJob): Sent => answered(job, 200, "ok");
export const gone = (job: LeasedJob): Sent => answered(job, 410, "permanent");
/** For good: it is not sent again. */
export const refuse = (job: LeasedJob): Sent => answered(job, 422, "permanent");
export const failing = (job: LeasedJob): Sent => answered(job, 500, "transient");

/** It was not sent: no slot of the upstream was free. */
export const refused = (): Sent => sentOf(fault("overload", "all slots are taken"), "ignored", []);

function endedByUs(job: LeasedJob, written: boolean): Sent {
  const reply = fault("reset", "ended by us", { written, aborted: true });
  const tries = written ? [tryOf(job, "ignored", 0)] : [];
  return { ...sentOf(reply, "ignored", tries), aborted: true, inDoubt: written };
}
