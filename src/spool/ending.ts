import type { JobSummary, RouteName } from "../core/job.ts";
import type { Buffers } from "./buffers.ts";
import { decide } from "./decide.ts";
import type { DelivererDeps, Flight } from "./deliverer.ts";
import type { Lease, LeasedJob, Settlement, Spool } from "./port.ts";
import type { RouteState, Sent } from "./route.ts";

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

const MAX_BEHIND = 1024;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
const STOP_TRIES = 3;
/** How long a route rests whose send found no slot. Without it the loop would turn for nothing else. */
const NO_SLOT_MS = 200;
/** Sent, and then there was no memory for the answer. */
const OVERLOADED_MS = 1_000;
const GONE_IN_A_ROW = 3;

export function createEnding(deps: DelivererDeps, buffers: Buffers, told: Told): Ending {
  const { spool, clock, emit } = deps;
  /** Not by id: one whose answer was lost may be leased anew, and ended again, while it is still being told. */
  const open = new Set<Lease>();
  const settling = new Set<Promise<unknown>>();
  let stopping = false;

  /** True once the store has it; false where the lease was no longer ours, or the process ends. */
  const settle = async (lease: Lease, settlement: Settlement): Promise<boolean> => {
    open.add(lease);
    for (let failures = 0; ; failures++) {
      try {
        const ours =
          (await spool.settle(lease, settlement)) || (failures > 0 && (await wasDone(spool, lease, settlement)));
        open.delete(lease);
        return ours;
      } catch {
        if (stopping && failures >= STOP_TRIES) {
          open.delete(lease);
          return false;
        }
        await new Promise<void>((resolve) => {
          clock.after(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10)), resolve, undefined);
        });
      }
    }
  };
  const follow = (state: RouteState, lease: Lease, settlement: Settlement, then: () => void): void => {
    const done = settle(lease, settlement).then((ours) => {
      settling.delete(done);
      if (ours) then();
      // It was taken from us, or done, and the thread died before it could say so: what is due now is not known here.
      else for (const lane of state.lanes) lane.due = true;
      told.settled(state);
    });
    settling.add(done);
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
      if (end.reason === "gone" && ++state.gone === GONE_IN_A_ROW) told.gone(state);
    });
  };
  const delivered = (state: RouteState, job: LeasedJob, { tries }: Sent, claimedAt: number): void => {
    const last = tries.at(-1);
    const lagMs = job.ageMs + clock.now() - claimedAt;
    follow(state, job.lease, { kind: "delivered", tries }, () => {
      state.gone = 0;
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
        reason: sent.reply.reason ?? "status",
        status: sent.reply.kind === "fault" ? 0 : sent.reply.status,
        attempts: job.attempts + (spent ? 1 : 0),
        delayMs,
      });
    });
  };

  return {
    ended({ job, state, lane }, sent, claimedAt) {
      // Whatever it had is free.
      state.restUntil = 0;
      // Its route may have gone from the manifest meanwhile: then it waits for it, and spends nothing.
      const retry = state.route?.retry ?? null;
      if (retry === null && sent.worth !== "ok") return again(state, job, sent, 0, false);
      const verdict = decide(
        {
          ...sent,
          attempts: job.attempts,
          expiresInMs: job.expiresInMs - (clock.now() - claimedAt),
          // What spends nothing must not be repeated as fast as the first for ever.
          backoffMs: retry === null ? 0 : deps.backoffMs(retry, 1 + (sent.trial ? job.sends : job.attempts)),
        },
        retry ?? { attempts: 1 },
      );
      switch (verdict.kind) {
        case "delivered":
          return delivered(state, job, sent, claimedAt);
        case "wait":
          // Nothing was sent: it stays leased, and goes first when its way is free.
          if (sent.tries.length === 0 && !stopping) {
            state.restUntil = clock.now() + NO_SLOT_MS;
            return buffers.putBack(state, lane, { job, claimedAt });
          }
          return again(state, job, sent, sent.tries.length === 0 ? 0 : OVERLOADED_MS, false);
        case "again":
          return again(state, job, sent, verdict.delayMs, verdict.spent);
        case "dead": {
          const release = (state.route?.onDead ?? "release") === "release";
          const { reason, detail } = verdict;
          return dead(state, job, { kind: "dead", tries: sent.tries, reason, detail, release });
        }
      }
    },
    tooOld(state, job) {
      const detail = "it was too old";
      dead(state, job, { kind: "dead", tries: [], reason: "expired", detail, release: true });
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
    stopping() {
      stopping = true;
    },
    leases: () => [...open],
    behind: () => open.size >= MAX_BEHIND,
    async stop() {
      await Promise.all(settling);
    },
  };
}

/** Was this settlement done, and the store's word on it lost? Then the job has its sends; of those it has none twice. */
async function wasDone(spool: Spool, { id }: Lease, settlement: Settlement): Promise<boolean> {
  const job = await spool.find(id);
  const last = settlement.tries.at(-1);
  if (job === null) return false;
  if (last === undefined) return settlement.kind === "dead" && job.state === "dead" && job.reason === settlement.reason;
  const { n, at, upstream, durationMs } = last;
  return job.tries.some(
    (one) => one.n === n && one.at === at && one.upstream === upstream && one.durationMs === durationMs,
  );
}
