import type { JobSummary, RouteName } from "../core/job.ts";
import { LinkedList } from "../core/linked.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import type { Buffers } from "./buffers.ts";
import { decide, decideUndone } from "./decide.ts";
import type { DelivererDeps, Flight } from "./deliverer.ts";
import type { Lease, LeasedJob, Settlement, Verifying } from "./port.ts";
import type { RouteState, Sent } from "./route.ts";
import { createSettling } from "./settling.ts";

/**
 * What becomes of jobs that were sent: decided here, told to the store until it has taken it, and then to everybody.
 * A store that is away costs no job: what it could not be told stays here, and the job stays leased.
 */
export interface Ending {
  ended(flight: Flight, sent: Sent, claimedAt: number): void;
  /** Leased, and too old before it had a slot. */
  tooOld(state: RouteState, job: LeasedJob): void;
  /** Ended by the store, which found it too old, or damaged. */
  expired(job: JobSummary): void;
  /** As it came; `stop` waits for it. */
  giveBack(state: RouteState, job: LeasedJob): void;
  /** The store is there again: what it has not taken yet is told now. */
  again(): void;
  /** From now on nothing is kept for another try. */
  stopping(): void;
  /** Leases whose end the store does not know yet. */
  leases(): Lease[];
  /** So much waits for the store that nothing more should be begun. */
  behind(): boolean;
  /** Tells the store what it can; gives up after a while, for then the lease itself says that it is in doubt. */
  stop(): Promise<void>;
}

interface Told {
  /** The store has heard of it: there may be more to do for its route. */
  readonly settled: (state: RouteState) => void;
  /** Three answers of 410 in a row. */
  readonly gone: (state: RouteState) => void;
}

/** What is known of an attempt beside what it brought. */
interface Attempt {
  readonly retry: Pick<RetrySettings, "attempts">;
  /** Counted ones before it. */
  readonly attempts: number;
  readonly expiresInMs: number;
  readonly backoffMs: number;
}

const MAX_BEHIND = 1024;
/** How long a route rests whose send found no slot. Without it the loop would turn for nothing else. */
const NO_SLOT_MS = 200;
/** Sent, and then there was no memory for the answer. */
const OVERLOADED_MS = 1_000;
const GONE_IN_A_ROW = 3;

export function createEnding(deps: DelivererDeps, buffers: Buffers, told: Told): Ending {
  const { clock, emit } = deps;
  const store = createSettling(deps);
  const settling = new LinkedList<Promise<unknown>>();

  const follow = (state: RouteState, lease: Lease, settlement: Settlement, then: () => void): void => {
    state.settling++;
    const done = store.settle(lease, settlement).then((ours) => {
      settling.delete(place);
      state.settling--;
      if (ours) then();
      // It was taken from us, or done, and the thread died before it could say so: what is due now is not known here.
      else for (const lane of state.lanes) lane.due = true;
      told.settled(state);
    });
    const place = settling.push(done);
  };
  const about = (job: RouteName & { readonly requestId: string }, id: string) => ({
    at: clock.wall(),
    app: job.app,
    capability: job.capability,
    id,
    requestId: job.requestId,
  });
  /** The next of its order key may be due now. */
  const freed = (state: RouteState, job: LeasedJob): void => {
    if (job.ordered) for (const lane of state.lanes) lane.due = true;
  };

  const dead = (state: RouteState, job: LeasedJob, end: Extract<Settlement, { kind: "dead" }>): void => {
    follow(state, job.lease, end, () => {
      emit({
        type: "dlq.added",
        ...about(job, job.lease.id),
        reason: end.reason,
        detail: end.detail,
        sends: job.sends + end.tries.length,
      });
      freed(state, job);
      if (end.reason === "gone" && deps.gone.add(state.key) >= GONE_IN_A_ROW) told.gone(state);
    });
  };
  const delivered = (state: RouteState, job: LeasedJob, { tries }: Sent, claimedAt: number): void => {
    const last = tries.at(-1);
    const lagMs = job.ageMs + clock.now() - claimedAt;
    follow(state, job.lease, { kind: "delivered", tries }, () => {
      deps.gone.clear(state.key);
      freed(state, job);
      emit({
        type: "delivery.delivered",
        ...about(job, job.lease.id),
        upstream: last?.upstream ?? "",
        status: last?.status ?? 0,
        sends: job.sends + tries.length,
        lagMs,
      });
    });
  };
  /** Its app is asked whether it was done. */
  const verifying = (state: RouteState, job: LeasedJob, { tries }: Sent, verify: Verifying): void => {
    follow(state, job.lease, { kind: "verifying", tries, ...verify }, () => {
      deps.gone.clear(state.key);
      deps.verifier.begun(job, verify.delayMs);
    });
  };
  const again = (state: RouteState, job: LeasedJob, sent: Sent, delayMs: number, spent: boolean): void => {
    const inDoubt = job.inDoubt || sent.inDoubt;
    const dueAt = clock.now() + delayMs;
    const settlement: Settlement = { kind: "again", tries: sent.tries, delayMs, spent, inDoubt };
    follow(state, job.lease, settlement, () => {
      const [first, retry] = state.lanes;
      if (retry.nextAt === null || dueAt < retry.nextAt) retry.nextAt = dueAt;
      first.due ||= job.ordered || (job.sends === 0 && sent.tries.length === 0);
      if (sent.tries.length === 0) return;
      emit({
        type: "delivery.retry",
        ...about(job, job.lease.id),
        reason: sent.verify === null ? (sent.reply.reason ?? "status") : "verification_failed",
        status: sent.reply.kind === "fault" ? 0 : sent.reply.status,
        attempts: job.attempts + (spent ? 1 : 0),
        delayMs,
      });
    });
  };

  const attemptOf = (state: RouteState, job: LeasedJob, sent: Sent, claimedAt: number): Attempt => {
    const retry = state.route?.retry ?? null;
    return {
      retry: retry ?? { attempts: 1 },
      attempts: job.attempts,
      expiresInMs: job.expiresInMs - (clock.now() - claimedAt),
      // What spends nothing must not be repeated as fast as the first for ever.
      backoffMs: retry === null ? 0 : deps.backoffMs(retry, 1 + (sent.trial ? job.sends : job.attempts)),
    };
  };
  /** A good answer. Where it can't be asked whether it was done, that is as good as undone. */
  const good = (state: RouteState, job: LeasedJob, sent: Sent, claimedAt: number): void => {
    const { verify } = sent;
    if (verify === null) return delivered(state, job, sent, claimedAt);
    if (verify.ok) return verifying(state, job, sent, verify.value);
    const detail = verify.error;
    const { upstream = "" } = sent.tries.at(-1) ?? {};
    const { origin } = job;
    deps.verified({ ...about(job, job.lease.id), origin, upstream, url: null, result: "unverified", detail, polls: 0 });
    if (state.route === null) return again(state, job, sent, 0, false);
    const now = attemptOf(state, job, sent, claimedAt);
    const undone = decideUndone({ ...now, detail, repeatable: sent.repeatable }, now.retry);
    if (undone.kind === "again") return again(state, job, sent, undone.delayMs, undone.spent);
    dead(state, job, { ...undone, tries: sent.tries, release: releases(state) });
  };

  return {
    ended({ job, state, lane }, sent, claimedAt) {
      // Whatever it had is free.
      state.restUntil = 0;
      // Of nearly all there is nothing to decide.
      if (sent.worth === "ok" && !sent.aborted) return good(state, job, sent, claimedAt);
      // Its route may have gone from the manifest meanwhile: then it waits for it, and spends nothing.
      if (state.route === null && sent.worth !== "ok") return again(state, job, sent, 0, false);
      const now = attemptOf(state, job, sent, claimedAt);
      const verdict = decide({ ...sent, ...now }, now.retry);
      switch (verdict.kind) {
        case "delivered":
          return good(state, job, sent, claimedAt);
        case "wait":
          // Nothing was sent: it stays leased, and goes first when its way is free.
          if (sent.tries.length === 0 && !store.isStopping()) {
            state.restUntil = clock.now() + NO_SLOT_MS;
            return buffers.putBack(state, lane, { job, claimedAt });
          }
          return again(state, job, sent, sent.tries.length === 0 ? 0 : OVERLOADED_MS, false);
        case "again":
          return again(state, job, sent, verdict.delayMs, verdict.spent);
        case "dead": {
          const { reason, detail } = verdict;
          return dead(state, job, { kind: "dead", tries: sent.tries, reason, detail, release: releases(state) });
        }
      }
    },
    tooOld(state, job) {
      const detail = "it was too old";
      const release = (state.route?.onDead ?? "release") === "release";
      dead(state, job, { kind: "dead", tries: [], reason: "expired", detail, release });
    },
    expired(job) {
      const { reason, detail, sends } = job;
      emit({ type: "dlq.added", ...about(job, job.id), reason: reason ?? "expired", detail, sends });
    },
    giveBack(state, job) {
      const settlement: Settlement = { kind: "again", tries: [], delayMs: 0, spent: false, inDoubt: job.inDoubt };
      follow(state, job.lease, settlement, () => {
        for (const lane of state.lanes) lane.due = true;
      });
    },
    again: store.again,
    stopping: store.stopping,
    leases: store.leases,
    behind: () => store.open() >= MAX_BEHIND,
    async stop() {
      await Promise.all(settling);
    },
  };
}

/** May the next of its order key go when one is dead? */
function releases({ route }: RouteState): boolean {
  return (route?.onDead ?? "release") === "release";
}
