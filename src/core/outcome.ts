/**
 * The two closed lists every log line, metric, event and history row uses for what became of a request.
 */

/** What became of a request as its caller saw it. */
export const OUTCOMES = ["ok", "declined", "fallback", "queued", "failed", "rejected", "aborted"] as const;
export type Outcome = (typeof OUTCOMES)[number];

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
