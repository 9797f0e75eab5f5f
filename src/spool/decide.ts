import type { Reply, Worth } from "../core/exchange.ts";
import type { DeadReason } from "../core/job.ts";
import type { RetrySettings } from "../core/settings.route.ts";

/** What an attempt at a job brought. */
export interface AttemptEnded {
  readonly reply: Reply;
  readonly worth: Worth;
  /** It was the trial of a half-open breaker. */
  readonly trial: boolean;
  /** It was ended by us, as at a stop. */
  readonly aborted: boolean;
  /** May a send that was written be made again? */
  readonly repeatable: boolean;
  /** Counted attempts before this one. */
  readonly attempts: number;
  readonly expiresInMs: number;
  readonly backoffMs: number;
}

export type Verdict =
  | { readonly kind: "delivered" }
  | { readonly kind: "again"; readonly delayMs: number; readonly spent: boolean }
  /** It was not sent: it waits for whatever is in its way. */
  | { readonly kind: "wait" }
  | { readonly kind: "dead"; readonly reason: DeadReason; readonly detail: string | null };

/** What became of a good answer, where it was asked whether it was done. */
export interface Undone {
  readonly detail: string;
  /** May it be sent again? */
  readonly repeatable: boolean;
  readonly attempts: number;
  readonly expiresInMs: number;
  readonly backoffMs: number;
}

/** An app's Retry-After is believed up to this. */
export const MAX_HINT_MS = 3_600_000;

/** What becomes of a job. Pure. */
export function decide(t: AttemptEnded, retry: Pick<RetrySettings, "attempts">): Verdict {
  const { reply, worth } = t;
  if (t.aborted) return { kind: "again", delayMs: 0, spent: false };
  if (worth === "ok") return { kind: "delivered" };
  const written = reply.kind !== "fault" || reply.written;
  // Its name may have another address soon, or never: a try like any other, so that it ends where people look for it.
  const closed = reply.kind === "fault" && reply.reason === "egress";
  // Written, and then there was no memory for its answer: a try like any other that brought none.
  if (worth === "ignored" && !written && !closed) return { kind: "wait" };
  if (worth === "permanent") return { kind: "dead", ...permanent(reply) };
  const spent = closed || !t.trial;
  if (worth !== "push_back" && written && !t.repeatable) {
    return {
      kind: "dead",
      reason: failing(reply),
      detail: "it was sent, and may not be sent again (retry.repeat: safe)",
    };
  }
  if (spent && t.attempts + 1 >= retry.attempts)
    return { kind: "dead", reason: failing(reply), detail: detailOf(reply) };
  const hint = reply.kind === "substitute" ? 0 : Math.min(reply.retryAfterMs ?? 0, MAX_HINT_MS);
  const delayMs = Math.max(t.backoffMs, hint);
  if (delayMs >= t.expiresInMs) return { kind: "dead", reason: "expired", detail: detailOf(reply) };
  return { kind: "again", delayMs, spent };
}

/** What becomes of a job with a good answer whose app had not done it after all. Pure. */
export function decideUndone(t: Undone, retry: Pick<RetrySettings, "attempts">): Repeated {
  const reason = "verification_failed";
  if (!t.repeatable) {
    return { kind: "dead", reason, detail: `${t.detail}; it may not be sent again (retry.repeat: safe)` };
  }
  if (t.attempts + 1 >= retry.attempts) return { kind: "dead", reason, detail: t.detail };
  if (t.backoffMs >= t.expiresInMs) return { kind: "dead", reason: "expired", detail: t.detail };
  return { kind: "again", delayMs: t.backoffMs, spent: true };
}

type Repeated = Extract<Verdict, { kind: "again" | "dead" }>;

function permanent(reply: Reply): { readonly reason: DeadReason; readonly detail: string | null } {
  const detail = detailOf(reply);
  if (reply.kind === "answer" && reply.status === 410) return { reason: "gone", detail };
  if (reply.kind === "answer" && reply.reason !== "invalid_response") return { reason: "permanent_status", detail };
  return { reason: reply.reason === "invalid_response" ? "invalid_response" : "attempts_exhausted", detail };
}

function failing(reply: Reply): DeadReason {
  return reply.reason === "invalid_response" ? "invalid_response" : "attempts_exhausted";
}

function detailOf(reply: Reply): string | null {
  if (reply.kind === "substitute") return null;
  if (reply.kind === "fault") return `${reply.reason}: ${reply.detail}`;
  return `the app answered ${reply.status}${reply.detail === null ? "" : `: ${reply.detail}`}`;
}
