import type { UpstreamHealthChanged, UpstreamMoved } from "../../src/core/events.health.ts";
import type { BreakerMoved, FallbackUsed, RequestCompleted } from "../../src/core/events.ts";
import type { Attempt, RouteRef } from "../../src/core/exchange.ts";

/** Events as the proxy sends them, with the fields a test cares about replaced. */

export const QUIZ_WINNER: RouteRef = { app: "quiz", capability: "winner", key: "quiz/winner", mode: "sync" };

export function attemptOf(given: Partial<Attempt> = {}): Attempt {
  return {
    n: 0,
    upstream: "primary",
    worth: "ok",
    reason: null,
    status: 200,
    startedAt: 0,
    durationMs: 4,
    detail: null,
    ...given,
  };
}

export function requestCompleted(given: Partial<RequestCompleted> = {}): RequestCompleted {
  return {
    type: "request.completed",
    at: 1_767_225_600_000,
    route: QUIZ_WINNER,
    id: "request-1",
    method: "POST",
    outcome: "ok",
    reason: null,
    strategy: null,
    status: 200,
    durationMs: 5,
    overheadMs: 0.2,
    attempts: [attemptOf()],
    retries: [],
    denied: null,
    labels: {},
    ...given,
  };
}

export function fallbackUsed(given: Partial<FallbackUsed> = {}): FallbackUsed {
  return {
    type: "fallback.used",
    at: 1_767_225_600_000,
    route: QUIZ_WINNER,
    id: "request-1",
    strategy: "random_pick",
    reason: "timeout",
    labels: {},
    ...given,
  };
}

export function breakerMoved(given: Partial<BreakerMoved> = {}): BreakerMoved {
  return {
    type: "breaker.opened",
    at: 1_767_225_600_000,
    app: "quiz",
    capability: "winner",
    upstream: "primary",
    until: 1_767_225_660_000,
    cause: "failures",
    dryRun: false,
    ...given,
  };
}

export function upstreamMoved(given: Partial<UpstreamMoved> = {}): UpstreamMoved {
  return {
    type: "failover",
    at: 1_767_225_600_000,
    app: "quiz",
    from: "primary",
    to: "backup",
    reason: "consecutive_failures",
    durationMs: 812.3456,
    ...given,
  };
}

export function upstreamHealth(given: Partial<UpstreamHealthChanged> = {}): UpstreamHealthChanged {
  return {
    type: "upstream.down",
    at: 1_767_225_600_000,
    app: "quiz",
    upstream: "primary",
    url: "http://10.0.0.5:9000",
    status: "unhealthy",
    consecutiveFailures: 3,
    alert: true,
    detail: "connection failed: ECONNREFUSED",
    ...given,
  };
}
