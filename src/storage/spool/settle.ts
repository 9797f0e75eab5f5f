import { StorageError } from "../error.ts";
import { CANCELLED, VERIFY } from "./rows.ts";
import type { SpoolState } from "./state.ts";
import type { JobTable } from "./table.ts";
import {
  type Packed,
  type PollText,
  SETTLE_KINDS,
  SETTLE_NUMBERS,
  type SettleCommand,
  type SettleReply,
} from "./wire.ts";

interface LateSends {
  /** As tries are kept; undefined where nothing was sent. */
  readonly log: string | undefined;
  readonly tries: number;
  readonly doubt: boolean;
}

/** Ends leases. One that is somebody else's by now, or has ended, changes nothing. */
export function settleCommand(state: SpoolState, table: JobTable) {
  /** Cancelled while it was out: an operator who looks at it must see what its app may have. */
  const keepSends = (seq: number, attempt: number, sent: LateSends): void => {
    if (sent.log === undefined || !state.withdrawn.take(seq, attempt)) return;
    const row = table.get(seq);
    if (row?.state !== CANCELLED) return;
    table.addTries(seq, sent.log);
    table.sentBefore(row, row.sends + sent.tries, row.doubt === 1 || sent.doubt ? 1 : 0);
  };
  const settle = (n: Float64Array, at: number, texts: Packed["texts"]): boolean => {
    const num = (i: number): number => n[at + i] as number;
    const [now, seq, attempt, tries] = [num(0), num(1), num(2), num(4)];
    state.now = now;
    const lease = state.leased.get(seq);
    const log = texts[num(10)];
    if (lease?.attempt !== attempt) {
      if (lease === undefined && state.lost.some) throw new StorageError("failed", "this lease may have been lost");
      keepSends(seq, attempt, { log, tries, doubt: num(7) === 1 });
      return false;
    }
    const { row } = lease;
    if (log !== undefined) table.addTries(seq, log);
    const sends = row.sends + tries;
    const kind = SETTLE_KINDS[num(3)];
    if (kind === "again") {
      table.queue(row, {
        // Given back as it came, it keeps its place.
        due: tries === 0 && num(5) === 0 ? row.due : now + num(5),
        attempts: row.attempts + num(6),
        sends,
        doubt: num(7),
      });
      return true;
    }
    if (kind === "verifying") {
      const [delayMs, forMs, poll] = JSON.parse(texts[num(11)] as string) as PollText;
      table.verify(row, now + delayMs, sends);
      table.setPoll(seq, forMs === null ? null : now + forMs, JSON.stringify(poll));
      return true;
    }
    // What was verified had its send before.
    const attempts = row.attempts + (tries > 0 || row.lane === VERIFY ? 1 : 0);
    if (kind === "delivered") table.deliver(row, attempts, sends, now);
    else table.kill(row, num(8), texts[num(11)] ?? null, num(9) === 0, attempts, sends, now);
    return true;
  };

  return ({ numbers, texts }: SettleCommand): SettleReply => {
    let ours: boolean[] | null = null;
    for (let at = 0, i = 0; at < numbers.length; at += SETTLE_NUMBERS, i++) {
      const taken = settle(numbers, at, texts);
      if (!taken) ours ??= Array<boolean>(i).fill(true);
      ours?.push(taken);
    }
    return ours;
  };
}
