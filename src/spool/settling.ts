import type { Clock } from "../core/clock.ts";
import { LinkedList } from "../core/linked.ts";
import type { Lease, Settlement, Spool } from "./port.ts";

/** Tells the store the end of leases until it has taken it. A store that is away costs no job: its lease stays. */
export interface Settling {
  /** True once the store has it; false where the lease was no longer ours, or the process ends. */
  settle(lease: Lease, settlement: Settlement): Promise<boolean>;
  /** The store is there again: what it has not taken yet is told now. */
  again(): void;
  /** From now on nothing is kept for another try. */
  stopping(): void;
  isStopping(): boolean;
  /** Leases whose end the store does not know yet. */
  leases(): Lease[];
  /** How many these are. */
  open(): number;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
const STOP_TRIES = 3;

export function createSettling({ spool, clock }: { readonly spool: Spool; readonly clock: Clock }): Settling {
  /** Not by id: one whose answer was lost may be leased anew, and ended again, while it is still being told. */
  const open = new LinkedList<Lease>();
  const waiting = new Set<() => void>();
  let stopping = false;
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const go = (): void => {
        waiting.delete(go);
        clock.cancel(timer);
        resolve();
      };
      const timer = clock.after(ms, go, undefined);
      waiting.add(go);
    });
  return {
    async settle(lease, settlement) {
      const place = open.push(lease);
      for (let failures = 0; ; failures++) {
        try {
          const ours =
            (await spool.settle(lease, settlement)) || (failures > 0 && (await wasDone(spool, lease, settlement)));
          open.delete(place);
          return ours;
        } catch {
          if (stopping && failures >= STOP_TRIES) {
            open.delete(place);
            return false;
          }
          await wait(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10)));
        }
      }
    },
    again() {
      for (const go of [...waiting]) go();
    },
    stopping() {
      stopping = true;
    },
    isStopping: () => stopping,
    leases: () => [...open],
    open: () => open.size,
  };
}

/** Was this settlement done, and the store's word on it lost? Then the job has its sends; of those it has none twice. */
async function wasDone(spool: Spool, { id }: Lease, settlement: Settlement): Promise<boolean> {
  const job = await spool.find(id);
  const last = settlement.tries.at(-1);
  // The record of a call is gone with its end.
  if (job === null) return last === undefined && (settlement.kind === "delivered" || settlement.kind === "dead");
  // An operator ended it meanwhile: its sends were kept, and nothing else was done.
  if (job.state === "cancelled") return false;
  if (last === undefined) {
    if (settlement.kind === "dead") return job.state === "dead" && job.reason === settlement.reason;
    return settlement.kind === "delivered" && job.state === "delivered";
  }
  const { n, at, upstream, durationMs } = last;
  return job.tries.some(
    (one) => one.n === n && one.at === at && one.upstream === upstream && one.durationMs === durationMs,
  );
}
