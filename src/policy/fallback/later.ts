import type { Exchange } from "../../core/exchange.ts";
import type { Reason } from "../../core/outcome.ts";

/** The way into the spool, for strategies that leave a request behind. */
export interface Later {
  /** Resolves with the delivery's id once it is safely kept; null where it can't be. Never rejects. */
  keep(x: Exchange): Promise<string | null>;
  /** Nobody was told of it: it need not be sent. */
  cancel(id: string): void;
}

/** Tries that may have arrived, and brought no answer. */
const UNANSWERED: ReadonlySet<Reason> = new Set(["timeout", "reset", "invalid_response", "overload"]);

/** May a send of this exchange have arrived without an answer? */
export function leavesDoubt(x: Pick<Exchange, "attempts" | "inDoubt">): boolean {
  return x.attempts.some(({ status, reason }) => status === 0 && reason !== null && UNANSWERED.has(reason));
}
