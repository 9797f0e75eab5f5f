import { shortly } from "../../core/clock.ts";
import { idText, type NewId } from "../../core/job.id.ts";
import type { Seal } from "../../core/seal.ts";
import type { NewJob, Receipt, Settlement } from "../../spool/port.ts";
import { Late } from "../channel.ts";
import { StorageError } from "../error.ts";
import { createParcel, createSettles, type Parcel, type Settles } from "./pack.ts";
import type { PutReply, PutResult, SettleReply } from "./wire.ts";

/** Joins what is asked for one by one: for the storage thread, the number of messages and commits is what costs. */

type Call = <T>(name: string, arg: unknown) => Promise<T>;

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Heads and bodies that were not acknowledged: beyond them a disk stalls, and who comes hears it at once. */
const MAX_UNANSWERED_BYTES = 128 * 1024 * 1024;

/** Beyond it the next one begins, so that no disk that was away for a while gets all at once. */
const MOST_PARCEL_BYTES = 4 * 1024 * 1024;
const LEAST_BLOCK_BYTES = 4096;
const MOST_BLOCK_BYTES = 128 * 1024;

/** Joins the puts of one turn of the event loop. */
export function gatherPuts(call: Call, seal: Seal) {
  let parcel: Parcel | null = null;
  let waiting: (Waiter<Receipt> & { readonly id: NewId })[] = [];
  let unanswered = 0;
  /** As much as lately: a block that has to grow is copied. */
  let blockBytes = LEAST_BLOCK_BYTES;

  const begin = (): Parcel => {
    const own = createParcel(seal, blockBytes);
    const waiters: typeof waiting = [];
    parcel = own;
    waiting = waiters;
    const late = new Late(() => {
      if (parcel === own) parcel = null;
      blockBytes = Math.min(MOST_BLOCK_BYTES, Math.max(LEAST_BLOCK_BYTES, 2 * own.used, blockBytes >> 1));
      return own.take();
    });
    call<PutReply>("spool.put", late).then(
      (results) => {
        unanswered -= own.used;
        for (const [i, { id, resolve }] of waiters.entries()) resolve(receiptOf(results?.[i] ?? 0, id));
      },
      (error: unknown) => {
        unanswered -= own.used;
        // It may never have left.
        if (parcel === own) parcel = null;
        for (const { reject } of waiters) reject(error);
      },
    );
    return own;
  };
  return {
    put(id: NewId, job: NewJob, now: number): Promise<Receipt> {
      if (unanswered + job.body.length > MAX_UNANSWERED_BYTES) {
        return Promise.reject(new StorageError("busy", "storage is too far behind"));
      }
      const own = parcel ?? begin();
      unanswered += own.add(id, job, now);
      const receipt = new Promise<Receipt>((resolve, reject) => waiting.push({ id, resolve, reject }));
      if (own.used >= MOST_PARCEL_BYTES) parcel = null;
      return receipt;
    },
  };
}

function receiptOf(result: PutResult, id: NewId): Receipt {
  if (result === 0) return { kind: "queued", id: id.text };
  if (result === "conflict") return { kind: "conflict" };
  if (result === "jobs" || result === "bytes") return { kind: "full", bound: result };
  return { kind: "duplicate", id: idText(result) };
}

/** Joins the settles of a millisecond: nobody waits for the answer but who counts, and the next of its order key. */
export function gatherSettles(call: Call) {
  let settles: Settles | null = null;
  let waiting: Waiter<boolean>[] = [];

  const send = (own: Settles, waiters: typeof waiting): void => {
    const late = new Late(() => {
      if (settles === own) settles = null;
      return { arg: own.take(), transfer: [] };
    });
    call<SettleReply>("spool.settle", late).then(
      (ours) => {
        for (const [i, { resolve }] of waiters.entries()) resolve(ours?.[i] ?? true);
      },
      (error: unknown) => {
        // It may never have left.
        if (settles === own) settles = null;
        for (const { reject } of waiters) reject(error);
      },
    );
  };
  const begin = (): Settles => {
    const own = createSettles();
    const waiters: typeof waiting = [];
    settles = own;
    waiting = waiters;
    shortly(() => send(own, waiters));
    return own;
  };
  return {
    add(seq: number, attempt: number, settlement: Settlement, now: number): Promise<boolean> {
      (settles ?? begin()).add(seq, attempt, settlement, now);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
  };
}
