import type { Worth } from "../core/exchange.ts";
import type { Reason } from "../core/outcome.ts";

/** A repeat is not begun with less time than this: it could only waste the app's time. */
export const MIN_TRY_MS = 100;

/** What is known when a try has ended. Times in milliseconds. */
export interface TryEnded {
  readonly worth: Worth;
  /** Bytes of the request may have reached the app. */
  readonly written: boolean;
  /** A whole answer with 429 or 503: the app said that it did nothing. */
  readonly pushedBack: boolean;
  readonly retryAfterMs: number | null;
  /** Idempotent method, the caller's key, or `repeat: always`. */
  readonly repeatable: boolean;
  /** Written tries so far that count against `attempts`; moves and unwritten tries do not. */
  readonly counted: number;
  /** Unwritten tries on this upstream so far. They are outside `attempts`, but bounded by the same number. */
  readonly unwritten: number;
  readonly attempts: number;
  /** An upstream that is usable and that this request has not tried. */
  readonly untried: boolean;
  readonly backoffMs: number;
  readonly leftMs: number;
}

export type Verdict =
  /** Return what there is. `denied` says why a wanted repeat is not made, null where none was wanted. */
  | { readonly kind: "done"; readonly denied: Reason | null }
  /** Go to another upstream at once. */
  | { readonly kind: "move" }
  /** Try this upstream again after `waitMs`; `free` repeats are outside `attempts` and `budget`. */
  | { readonly kind: "repeat"; readonly waitMs: number; readonly free: boolean };

/** What follows a try. Pure; the budget is asked by the caller, since asking it spends. */
export function decide(t: TryEnded): Verdict {
  if (t.worth !== "transient" && t.worth !== "push_back") return { kind: "done", denied: null };
  const nothingDone = !t.written || t.pushedBack;
  if (!nothingDone && !t.repeatable) return { kind: "done", denied: "not_repeatable" };
  if (t.untried) {
    return t.leftMs < MIN_TRY_MS ? { kind: "done", denied: "deadline" } : { kind: "move" };
  }
  const free = !t.written;
  if ((free ? t.unwritten : t.counted) >= t.attempts) return { kind: "done", denied: "attempts" };
  const hint = t.retryAfterMs ?? 0;
  if (hint > t.leftMs) return { kind: "done", denied: "retry_after" };
  const waitMs = Math.max(t.backoffMs, hint);
  if (waitMs + MIN_TRY_MS > t.leftMs) return { kind: "done", denied: "deadline" };
  return { kind: "repeat", waitMs, free };
}

/**
 * How long a try may take. One that could not be repeated if it timed out gets all the time left; otherwise the
 * time left, less the coming backoffs, is shared by the tries and upstreams left.
 */
export function tryTimeMs(t: {
  readonly leftMs: number;
  /** `attempt_timeout`, or null. */
  readonly capMs: number | null;
  /** Tries that may still be made, this one included, and upstreams still untried beyond this one. */
  readonly sharers: number;
  readonly comingBackoffMs: number;
}): number {
  const share = t.sharers <= 1 ? t.leftMs : (t.leftMs - t.comingBackoffMs) / t.sharers;
  // A share too small to be of use would end every try early: then the first ones take what they need.
  const useful = Math.max(share, Math.min(t.leftMs, MIN_TRY_MS));
  return t.capMs === null ? useful : Math.min(useful, t.capMs);
}
