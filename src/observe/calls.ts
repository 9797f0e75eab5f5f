import type { CallStore } from "../core/calls.stored.ts";
import { addCall, MINUTES_KEPT_MS, type NewSample } from "../core/calls.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { Listener, RequestCompleted } from "../core/events.ts";
import { type Attempt, type RouteRef, UNROUTED, type Worth } from "../core/exchange.ts";
import type { RouteName } from "../core/job.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Random } from "../core/random.ts";
import type { HistorySettings } from "../core/settings.service.ts";
import { createHeldCalls } from "./calls.held.ts";
import { type CallQueries, createCallQueries } from "./calls.query.ts";
import { createHeldSamples } from "./calls.samples.ts";

/** The history of calls: counts them, writes that down every few seconds, and tells what is known. */
export interface CallHistory extends CallQueries, Pick<CallStore, "known" | "samples"> {
  /** Takes every event of the bus. */
  readonly record: Listener;
  /** An attempt to deliver a stored job, with all its sends: that is a call of an asynchronous route. */
  attempted(route: RouteRef, attempts: readonly Attempt[], requestId: string): void;
  /** What the manifest says of it, from now on. */
  apply(settings: HistorySettings): void;
  /** Writes down what there is. Twice is safe. */
  stop(): Promise<void>;
}

export interface CallHistoryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: CallStore;
  readonly settings: HistorySettings;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const WRITE_MS = 5_000;
/** Rows of one command: each is a few milliseconds for the storage thread, and for ours to hand over. */
const ROWS_AT_ONCE = 100;
const SAMPLES_AT_ONCE = 250;
/** As many as one answer may show: who looks waits for no more of them to be written. */
const SAMPLES_SEEN = 1_000;
/** Small steps of tending between two writes. */
const STEPS_AT_ONCE = 64;
/** What comes so long after its hour is rare, and costs a little more. */
const ROLL_AFTER_MS = 2 * MINUTE_MS;
/** Longer than a question may reach back: its first minute must not go while it is asked. */
const MINUTES_GO_MS = MINUTES_KEPT_MS + HOUR_MS;

export function createCallHistory({ clock, random, store, settings }: CallHistoryDeps): CallHistory {
  const held = createHeldCalls();
  const samples = createHeldSamples(random);
  samples.configure(settings);
  let kept = settings;
  let underWay: Promise<void> = Promise.resolve();
  let timer: Timer | null = null;
  let stopped: Promise<void> | null = null;

  let turnstile: Promise<unknown> = Promise.resolve();
  const alone = <T>(act: () => Promise<T>): Promise<T> => {
    const run = turnstile.then(act);
    turnstile = run.catch(() => undefined);
    return run;
  };

  const call = (route: RouteRef, at: number, ms: number, end: Ended, attempts: number, requestId: string): void => {
    const routed = route !== UNROUTED;
    const { app, capability, key } = route;
    const tally = held.of(Math.floor(at / MINUTE_MS), key, routed ? app : null, routed ? capability : null);
    addCall(tally, end.outcome, end.reason, end.status, ms);
    if (!routed || end.outcome === "queued") return;
    const { outcome, reason, status } = end;
    samples.add(
      at,
      outcome,
      (): NewSample => ({ app, capability, at, durationMs: ms, outcome, reason, status, attempts, requestId }),
    );
  };
  const ended = ({ app, capability }: RouteName, at: number, how: "delivered" | "dead"): void => {
    held.of(Math.floor(at / MINUTE_MS), `${app}/${capability}`, app, capability).counts[how]++;
  };
  const drain = async (): Promise<void> => {
    for (let rows = held.next(ROWS_AT_ONCE); rows.length > 0; rows = held.next(ROWS_AT_ONCE)) {
      try {
        await store.add(rows);
      } catch (error) {
        held.failed();
        throw error;
      }
      held.done();
    }
  };
  const write = async (): Promise<void> => {
    // What could not leave before goes first, and holds back what came since: so both are bounded.
    await drain();
    held.collect();
    await drain();
    await writeSamples(samples.size);
  };
  /** The oldest first, since they are numbered as they are written. */
  const writeSamples = async (most: number): Promise<void> => {
    for (let left = Math.min(samples.size, most); left > 0; left -= SAMPLES_AT_ONCE) {
      const some = samples.take(SAMPLES_AT_ONCE);
      try {
        await store.addSamples(some);
      } catch (error) {
        samples.giveBack(some);
        throw error;
      }
    }
  };
  const tend = async (): Promise<void> => {
    const now = clock.wall();
    const bounds = {
      minute: Math.floor((now - Math.min(MINUTES_GO_MS, kept.retainMs)) / MINUTE_MS),
      hour: Math.floor((now - kept.retainMs) / HOUR_MS),
      samplesMs: now - kept.retainMs,
      maxBytes: kept.maxBytes,
    };
    const before = Math.floor((now - ROLL_AFTER_MS) / HOUR_MS);
    for (let n = 0; n < STEPS_AT_ONCE && stopped === null; n++) if (!(await store.roll(before))) break;
    for (let n = 0; n < STEPS_AT_ONCE && stopped === null; n++) if (!(await store.prune(bounds))) break;
  };
  const turn = async (): Promise<void> => {
    try {
      await alone(write);
      await tend();
    } catch {
      // `storage.failing` has said so, and what could not be written is held.
    }
    later();
  };
  const later = (): void => {
    if (stopped !== null) return;
    timer = clock.after(
      WRITE_MS,
      () => {
        underWay = turn();
      },
      undefined,
    );
  };
  const stop = async (): Promise<void> => {
    if (timer !== null) clock.cancel(timer);
    await underWay;
    await alone(write).catch(() => undefined);
  };
  later();
  return {
    ...createCallQueries({ store, held, alone, wall: clock.wall }),
    known: store.known,
    async samples(query) {
      // Who looks at single calls has just made them: the newest are not to be missing for seconds. Unlike counts they
      // can't be added to what is read, since a page goes on from a number that they have once they are written.
      if (query.cursor === null && samples.size > 0) {
        await alone(() => writeSamples(SAMPLES_SEEN)).catch(() => undefined);
      }
      return store.samples(query);
    },
    record(event) {
      if (event.type === "request.completed") {
        call(event.route, event.at, event.durationMs, event, event.attempts.length, event.id);
      } else if (event.type === "delivery.delivered") ended(event, event.at, "delivered");
      else if (event.type === "dlq.added") ended(event, event.at, "dead");
    },
    attempted(route, attempts, requestId) {
      const [first, last] = [attempts[0], attempts.at(-1)];
      // What a synchronous call left behind is no call of its route's callers any more: only its end is counted.
      if (route.mode !== "async" || first === undefined || last === undefined) return;
      const ms = last.startedAt + last.durationMs - first.startedAt;
      const end = { outcome: OUTCOME_OF[last.worth], reason: last.reason, status: last.status };
      call(route, clock.wall(), ms, end, attempts.length, requestId);
    },
    apply(next) {
      kept = next;
      samples.configure(next);
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

type Ended = Pick<RequestCompleted, "outcome" | "reason" | "status">;

/** Of an attempt to deliver: as its caller would have seen it, had one waited. */
const OUTCOME_OF: Readonly<Record<Worth, Outcome>> = {
  ok: "ok",
  permanent: "declined",
  transient: "failed",
  push_back: "failed",
  ignored: "aborted",
};
