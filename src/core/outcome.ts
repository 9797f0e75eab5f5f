/**
 * The two closed lists every log line, metric, event and history row uses for what became of a request.
 */

/** What became of a request as its caller saw it. */
export const OUTCOMES = ["ok", "declined", "fallback", "queued", "failed", "rejected", "aborted"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** May it be judged at all? What was refused by us, or left by its caller, says nothing about the app. */
export function isJudged(outcome: Outcome): boolean {
  return outcome !== "rejected" && outcome !== "aborted";
}

/**
 * The one meaning of success, for history, alerts and whoever shows a rate: the caller has the app's own answer, good
 * (`ok`) or a final no (`declined`), or what it asked for is safely kept (`queued`). A fallback is no success of the
 * app. Success rate = success / all that {@link isJudged}.
 */
export function isSuccess(outcome: Outcome): boolean {
  return outcome === "ok" || outcome === "declined" || outcome === "queued";
}

/** Why a request or a try did not simply succeed. */
export const REASONS = [
  "timeout",
  "connect",
  "tls",
  "dns",
  "reset",
  "status",
  "invalid_response",
  "breaker_open",
  "no_upstream",
  "overload",
  "rate_limit",
  "signature",
  "retry_after",
  "not_repeatable",
  "budget",
  "deadline",
  "attempts",
  "body_too_large",
  "storage",
  "egress",
] as const;
export type Reason = (typeof REASONS)[number];

/** Fallback strategies of the manifest; `none` is an empty list of them. */
export const STRATEGIES = ["static", "random_pick", "pending_approval", "last_good", "spool"] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** The value of `Outrigger-Outcome`: a Structured Field item with parameters (RFC 9651), all of them tokens. */
export function outcomeField(outcome: Outcome, reason?: Reason | null, strategy?: Strategy | null): string {
  let field: string = outcome;
  if (reason) field += `;reason=${reason}`;
  if (strategy) field += `;strategy=${strategy}`;
  return field;
}
