import type { JobSummary } from "../core/job.ts";
import type { Buffers } from "./buffers.ts";
import type { DelivererDeps, DelivererSettings } from "./deliverer.ts";
import type { Lease, LeasedJob } from "./port.ts";
import type { LaneState, RouteState } from "./route.ts";

/** Fetches due jobs from the store, a little ahead of need, so that no slot waits for a disk. */
export interface Claims {
  /** Asks for more where a route's lanes run low. False where nobody's can be asked for now. */
  refill(state: RouteState, settings: DelivererSettings): boolean;
  /** Of these, what is on its way here goes back. */
  forget(ids: ReadonlySet<string>): void;
  /** Resolves when no answer is awaited any more. */
  stop(): Promise<void>;
  /** A claim may have been made whose answer is lost: before the next one the store hears which leases we have. */
  unsure(): void;
}

interface Told {
  readonly held: () => readonly Lease[];
  readonly arrived: (state: RouteState) => void;
  /** It can be asked again. */
  readonly sure: () => void;
  readonly wakeAt: (at: number) => void;
  readonly dead: (job: JobSummary) => void;
  readonly unwanted: (state: RouteState, job: LeasedJob) => void;
  /** Memory is short: what can't go soon may be given back. */
  readonly tight: () => void;
}

/** Of bodies, in one claim. */
const CLAIM_BYTES = 4 * 1024 * 1024;
/** Of what is leased and waits for a slot, over all routes. */
const BUFFER_BYTES = 64 * 1024 * 1024;
/** Asked for at a time: what they will bring is not known yet. */
const MAX_ASKED = 32;
const ROOM_ASKED_MS = 250;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

export function createClaims({ spool, clock }: DelivererDeps, buffers: Buffers, told: Told): Claims {
  /** With what each of them is to give back: only those that were under way can bring it. */
  const asking = new Map<Promise<void>, Set<string>>();
  let failures = 0;
  let notBefore = 0;
  let unsure = false;
  let holding = false;
  let roomAskedFrom = 0;

  const isFull = (): boolean => buffers.bytes > 2 * BUFFER_BYTES;
  const noRoom = (): boolean => {
    if (!isFull()) return false;
    const now = clock.now();
    // All that wait here are looked at for it, and more may be parked a moment later.
    if (now >= roomAskedFrom) {
      roomAskedFrom = now + ROOM_ASKED_MS;
      told.tight();
    }
    told.wakeAt(roomAskedFrom);
    return isFull();
  };
  const failed = (): void => {
    unsure = true;
    failures++;
    notBefore = clock.now() + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10));
    told.wakeAt(notBefore);
  };
  /** False until the store knows which leases we have. */
  const sure = (): boolean => {
    if (!unsure) return true;
    if (holding || asking.size > 0) return false;
    holding = true;
    spool.hold(told.held()).then(
      () => {
        holding = false;
        unsure = false;
        told.sure();
      },
      () => {
        holding = false;
        failed();
      },
    );
    return false;
  };

  const ask = async (
    state: RouteState,
    lane: LaneState,
    max: number,
    forgotten: ReadonlySet<string>,
  ): Promise<void> => {
    lane.claiming = true;
    // What is put from now on may not be in the answer.
    lane.due = false;
    try {
      const { capability, app } = state;
      const askedAt = clock.now();
      const got = await spool.claim({ app: app.name, capability, lane: lane.lane, max, maxBytes: CLAIM_BYTES });
      failures = 0;
      const claimedAt = clock.now();
      for (const job of got.jobs) {
        if (forgotten.has(job.lease.id)) told.unwanted(state, job);
        else buffers.add(state, lane, { job, claimedAt });
      }
      if (got.more) lane.due = true;
      if (got.nextInMs !== null) {
        // From when it was asked: the answer may have been long on its way.
        const at = askedAt + got.nextInMs;
        if (lane.nextAt === null || at < lane.nextAt) lane.nextAt = at;
      }
      for (const job of got.expired) told.dead(job);
      // The next of its order key waits in the lane of its own sends.
      if (got.expired.length > 0) for (const one of state.lanes) one.due = true;
    } catch {
      // It may have been done, and have ended jobs that were too old.
      for (const one of state.lanes) one.due = true;
      failed();
    }
    lane.claiming = false;
  };

  return {
    refill(state, { batch, perApp }) {
      for (const lane of state.lanes) {
        // A trial is of one: should it fail, the others would have been fetched to wait here.
        const wanted = state.route?.onTrial(clock.now()) === true ? 1 : Math.min(batch, 2 * perApp);
        if (!lane.due || lane.claiming || lane.buffer.length > wanted / 2) continue;
        if (clock.now() < notBefore) {
          // There is one timer, and an earlier wake may have taken this one's place.
          told.wakeAt(notBefore);
          return false;
        }
        if (!sure() || asking.size >= MAX_ASKED) return false;
        // Each lane may have one job, so that none starves; beyond twice the bound it waits for others to be sent.
        const tight = buffers.bytes + asking.size * CLAIM_BYTES > BUFFER_BYTES;
        if (tight && noRoom()) return false;
        if (tight && lane.buffer.length > 0) continue;
        const forgotten = new Set<string>();
        const asked = ask(state, lane, tight ? 1 : wanted, forgotten).then(() => {
          asking.delete(asked);
          told.arrived(state);
        });
        asking.set(asked, forgotten);
      }
      return true;
    },
    forget(ids) {
      for (const forgotten of asking.values()) for (const id of ids) forgotten.add(id);
    },
    async stop() {
      await Promise.all(asking.keys());
    },
    unsure() {
      unsure = true;
    },
  };
}
