import type { Clock, Timer } from "../core/clock.ts";
import { eventApp } from "../core/event.record.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { Answer } from "../core/exchange.ts";
import { fault } from "../core/fault.ts";
import { OWN_APP, type TryRecord } from "../core/job.ts";
import type { NotifyRetry } from "../core/settings.service.ts";
import { type Channel, type TryResult, tryOnce } from "../notify/channel.ts";
import type { Notice } from "../notify/notice.ts";
import type { Ledger, Report } from "../notify/report.ts";
import type { Outbox } from "../notify/telling.ts";
import type { LeasedJob, NewJob, Receipt, Spool } from "../spool/port.ts";
import type { DeliveryRoute, Sending, Sent } from "../spool/route.ts";
import { deadOf, waitingOf } from "./survey.ts";

/**
 * Notifications in the spool: each is a job of the sidecar's own app, a channel is a route of it. So they survive
 * the process, are repeated as deliveries are, and those of a channel keep their order. See decision 0006.
 */
export interface SpoolOutbox extends Outbox {
  /** What the deliverer says of our own jobs. */
  readonly record: (event: OutriggerEvent) => void;
  /** The channels of the manifest in force. */
  routes(channels: Iterable<Channel>): readonly DeliveryRoute[];
  /** Before the deliverer starts: counts what waits, and clears away what had ended. */
  open(): Promise<void>;
}

export interface OutboxDeps {
  readonly clock: Clock;
  readonly spool: () => Pick<Spool, "survey" | "list" | "change">;
  readonly put: (job: NewJob) => Promise<Receipt>;
  readonly report: () => Report;
  readonly ledger: Ledger;
}

/** What nobody could be told of for a day is no news. */
const MAX_AGE_MS = 86_400_000;
/** What is under way when the process stops may take this long: cut off, it might be told twice. */
const STOP_MS = 1_000;
/** Ended ones are looked at in parts of so many. */
const PART = 500;

/** The last try of a job that has not been settled. */
interface Tried {
  readonly notice: Notice;
  readonly result: TryResult;
  readonly attempts: number;
  readonly ageMs: number;
}

export function createOutbox(deps: OutboxDeps): SpoolOutbox {
  const { clock, ledger } = deps;
  const waiting = new Map<string, number>();
  const tried = new Map<string, Tried>();
  const count = (channel: string, by: 1 | -1): void =>
    void waiting.set(channel, Math.max(0, (waiting.get(channel) ?? 0) + by));
  /** It has been told of; nobody looks for it among the dead. */
  const forget = (ids: readonly string[]): void =>
    void deps
      .spool()
      .change("delete", ids)
      .catch(() => undefined);

  const ended = (channel: string, notification: string, last: Tried | undefined, detail: string): void => {
    count(channel, -1);
    tried.delete(`${notification} ${channel}`);
    if (last === undefined) return deps.report().lost(channel, notification, detail);
    const { notice, result, attempts, ageMs } = last;
    deps.report().ended(channel, notice, result, { attempts, ms: Math.round(ageMs) });
  };
  const remember = (channel: string, job: LeasedJob, notice: Notice, result: TryResult, ms: number): void => {
    const attempts = job.sends + 1;
    tried.set(`${notice.id} ${channel}`, { notice, result, attempts, ageMs: job.ageMs + ms });
    if (result.kind === "again") ledger.mark(notice.id, channel, "waiting", attempts, result.detail);
  };

  return {
    waiting: (channel) => waiting.get(channel) ?? 0,
    async put(channel, notice) {
      count(channel, 1);
      try {
        const receipt = await deps.put(jobOf(channel, notice, clock));
        if (receipt.kind === "queued") return true;
      } catch {
        // It may have been kept all the same: told twice is better than not at all, and the id is the same.
      }
      count(channel, -1);
      return false;
    },
    record(event) {
      if (eventApp(event) !== OWN_APP) return;
      if (event.type !== "delivery.delivered" && event.type !== "dlq.added") return;
      const last = tried.get(`${event.requestId} ${event.capability}`);
      const detail = event.type === "dlq.added" ? (event.detail ?? event.reason) : "";
      if (event.type === "dlq.added" || last !== undefined) ended(event.capability, event.requestId, last, detail);
      else count(event.capability, -1);
      if (event.type === "dlq.added") forget([event.id]);
    },
    routes: (channels) => [...channels].map((channel) => routeOf(channel, clock, remember)),
    async open() {
      const { routes } = await deps.spool().survey();
      const own = routes.filter(({ app }) => app === OWN_APP);
      for (const route of own) waiting.set(route.capability, waitingOf(route) + route.leased);
      // Looking for them goes through all dead letters, of which apps may have a million.
      if (own.every((route) => deadOf(route) === 0)) return;
      let cursor: number | null = null;
      do {
        const filter = { states: ["dead", "cancelled"], app: OWN_APP } as const;
        const page = await deps.spool().list({ filter, limit: PART, cursor });
        for (const { requestId, capability, detail, reason, attempts } of page.items)
          ledger.mark(requestId, capability, "failed", attempts, detail ?? reason);
        if (page.items.length > 0) forget(page.items.map(({ id }) => id));
        cursor = page.next;
      } while (cursor !== null);
    },
  };
}

function jobOf(channel: string, notice: Notice, clock: Clock): NewJob {
  return {
    app: OWN_APP,
    capability: channel,
    requestId: notice.id,
    request: {
      method: "POST",
      rest: "",
      target: "",
      host: "",
      httpVersion: "1.1",
      peer: "",
      secure: false,
      headers: [],
    },
    body: Buffer.from(JSON.stringify(notice)),
    maxAgeMs: MAX_AGE_MS,
    // One after the other: that a breaker closed must not be told before it opened.
    orderKey: channel,
    key: null,
    origin: "async",
    sends: 0,
    tries: [],
    inDoubt: false,
    at: clock.wall(),
  };
}

type Remember = (channel: string, job: LeasedJob, notice: Notice, result: TryResult, ms: number) => void;

function routeOf(channel: Channel, clock: Clock, remember: Remember): DeliveryRoute {
  return {
    app: OWN_APP,
    capability: channel.name,
    key: `${OWN_APP}/${channel.name}`,
    priority: 5,
    retry: retryOf(channel.retry),
    onDead: "release",
    takeToken: null,
    admits: () => true,
    onTrial: () => false,
    retryAfterMs: () => null,
    fits: () => true,
    send: (job) => send(channel, job, clock, remember),
  };
}

function retryOf(retry: NotifyRetry): DeliveryRoute["retry"] {
  return {
    ...retry,
    factor: 2,
    jitter: "full",
    budget: 100,
    maxAgeMs: MAX_AGE_MS,
    repeat: "always",
    transient: [],
    permanent: [],
  };
}

function send(channel: Channel, job: LeasedJob, clock: Clock, remember: Remember): Sending {
  const cut = new AbortController();
  let grace: Timer | null = null;
  const run = async (): Promise<Sent> => {
    const at = clock.wall();
    const began = clock.now();
    const notice = JSON.parse(job.body.toString()) as Notice;
    const result = await tryOnce(channel, notice, cut.signal);
    const ms = clock.now() - began;
    if (grace !== null) clock.cancel(grace);
    // Cut off, it is no try that counts: it goes on after the start.
    const aborted = cut.signal.aborted && result.kind !== "sent";
    if (!aborted) remember(channel.name, job, notice, result, ms);
    return sentOf(channel.name, job, result, { at, ms, aborted });
  };
  return {
    done: run(),
    abort() {
      grace ??= clock.after(STOP_MS, () => cut.abort(), undefined);
    },
  };
}

function sentOf(
  channel: string,
  job: LeasedJob,
  result: TryResult,
  { at, ms, aborted }: { readonly at: number; readonly ms: number; readonly aborted: boolean },
): Sent {
  const sent = result.kind === "sent";
  const worth = sent ? "ok" : result.kind === "final" ? "permanent" : "transient";
  const { status } = result;
  const reply = sent
    ? answerOf(channel, status)
    : fault("reset", result.detail, { written: true, retryAfterMs: result.retryAfterMs, upstream: channel });
  const one: TryRecord = {
    n: job.sends,
    at,
    upstream: channel,
    worth,
    reason: sent ? null : "reset",
    status,
    durationMs: ms,
    detail: sent ? null : result.detail,
  };
  return { reply, worth, tries: [one], trial: false, aborted, repeatable: true, inDoubt: aborted, verify: null };
}

function answerOf(upstream: string, status: number): Answer {
  return {
    kind: "answer",
    worth: "ok",
    reason: null,
    status,
    headers: [],
    body: Buffer.alloc(0),
    stream: null,
    retryAfterMs: null,
    upstream,
    detail: null,
  };
}
