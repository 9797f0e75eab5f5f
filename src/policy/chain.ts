import type { Clock } from "../core/clock.ts";
import type { Answer, Exchange, Reply, Send, Worth } from "../core/exchange.ts";
import type { Random } from "../core/random.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { Target } from "./choose.ts";
import { delivering } from "./deliver.ts";
import type { FallbackStrategy } from "./fallback/strategies.ts";
import { fallingBack } from "./fallback.ts";
import { retrying } from "./retry.ts";
import { createTarget, type TargetParts } from "./target.ts";
import { tellingGood } from "./verify.ts";

export interface ChainParts {
  readonly route: RouteSettings;
  readonly upstreams: readonly TargetParts[];
  readonly strategies: readonly FallbackStrategy[];
  readonly worthOf: (reply: Reply) => Worth;
  readonly timeoutIsTransient: boolean;
  /** Hears of good answers that are to be verified; null where a good answer is enough. */
  readonly onGood: ((x: Exchange, answer: Answer) => void) | null;
}

/**
 * The one place that decides the order of policies around a try:
 *
 *     verify( fallback( retry( choose upstream( breaker → slot → time of a try → send → response check ))))
 *
 * The first named is outermost. Composed once, when the manifest loads; a request only calls. A stored job goes
 * through the same from `choose upstream` inward.
 */
export function composeChains(parts: ChainParts, deps: { readonly clock: Clock; readonly random: Random }): Chains {
  const targets = parts.upstreams.map((upstream) => createTarget(upstream, deps.clock));
  const tried = retrying(
    {
      retry: parts.route.retry,
      attemptTimeoutMs: parts.route.attemptTimeoutMs,
      targets,
      worthOf: parts.worthOf,
      timeoutIsTransient: parts.timeoutIsTransient,
    },
    deps,
  );
  const { timeoutMs, attemptTimeoutMs } = parts.route;
  const answered = parts.strategies.length === 0 ? tried : fallingBack(parts.strategies, deps.clock)(tried);
  return {
    send: parts.onGood === null ? answered : tellingGood(parts.worthOf, parts.onGood)(answered),
    deliver: delivering({ targets, worthOf: parts.worthOf, timeoutMs, attemptTimeoutMs }, deps),
    targets,
  };
}

export interface Chains {
  /** For a caller who waits. */
  readonly send: Send;
  /** For a stored job: one attempt. */
  readonly deliver: Send;
  readonly targets: readonly Pick<Target, "admits" | "onTrial" | "health" | "retryAfterMs">[];
}
