import type { EventType, OutriggerEvent } from "../../src/core/events.ts";

/** Every field of each event there is: the compiler sees to it that none is missing, so that pages can be held to them. */

/** What may be left out or null is there. */
type Whole<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };

/** Some interfaces are those of several events. */
type Of<T extends EventType, E = OutriggerEvent> = E extends { readonly type: infer U }
  ? T extends U
    ? Whole<Omit<E, "type">> & { readonly type: T }
    : never
  : never;

const AT = 1_767_225_600_000;
const JOB = { at: AT, app: "quiz", capability: "later", id: "d1", requestId: "r1" };
const ROUTE = { key: "quiz/winner", app: "quiz", capability: "winner", mode: "sync" } as const;

const breaker = <T extends "breaker.opened" | "breaker.half_open" | "breaker.closed">(type: T) => ({
  ...{ type, at: AT, app: "quiz", capability: "winner", upstream: "primary", until: AT, cause: "operator", by: "ops" },
  ...{ dryRun: false, peer: true },
});
const move = <T extends "failover" | "failback">(type: T) => ({
  ...{ type, at: AT, app: "quiz", from: "primary", to: "backup", reason: "operator" as const, by: "ops" },
  ...{ durationMs: 1, peer: true },
});
const health = <T extends "upstream.up" | "upstream.down">(type: T) => ({
  ...{ type, at: AT, app: "quiz", upstream: "primary", url: "http://127.0.0.1:9000", status: "healthy" as const },
  ...{ consecutiveFailures: 0, alert: false, detail: "200", peer: true },
});
const parked = <T extends "route.parked" | "route.resumed">(type: T) => ({
  ...{ type, at: AT, app: "quiz", capability: "later", cause: "paused" as const, by: "ops" },
});
const redis = <T extends "redis.lost" | "redis.back">(type: T) => ({ type, at: AT, detail: "refused", durationMs: 0 });
const alert = {
  ...{ at: AT, id: "slow:quiz:winner", rule: "slow", metric: "p95" as const, app: "quiz", capability: "winner" },
  ...{ upstream: "primary", value: 6000, threshold: 5000, unit: "ms" as const, since: AT, summary: "it is slow" },
};

export const EVENT_SAMPLES: { readonly [T in EventType]: Of<T> } = {
  "request.completed": {
    ...{ type: "request.completed", at: AT, route: ROUTE, id: "r1", method: "POST", outcome: "fallback" },
    ...{ reason: "timeout", strategy: "static", status: 200, durationMs: 1, overheadMs: 1, attempts: [] },
    ...{ retries: ["timeout"], denied: "budget", labels: { room: "7" } },
  },
  "fallback.used": {
    ...{ type: "fallback.used", at: AT, route: ROUTE, id: "r1", strategy: "static", reason: "timeout" },
    labels: { room: "7" },
  },
  "breaker.opened": breaker("breaker.opened"),
  "breaker.half_open": breaker("breaker.half_open"),
  "breaker.closed": breaker("breaker.closed"),
  failover: move("failover"),
  failback: move("failback"),
  "upstream.up": health("upstream.up"),
  "upstream.down": health("upstream.down"),
  "delivery.queued": { type: "delivery.queued", ...JOB, origin: "async" },
  "delivery.delivered": { type: "delivery.delivered", ...JOB, upstream: "primary", status: 200, sends: 1, lagMs: 1 },
  "delivery.retry": { type: "delivery.retry", ...JOB, reason: "timeout", status: 504, attempts: 1, delayMs: 1 },
  "dlq.added": { type: "dlq.added", ...JOB, reason: "gone", detail: "410", sends: 1 },
  "dlq.retried": { type: "dlq.retried", ...JOB, by: "ops" },
  "verification.failed": {
    ...{ type: "verification.failed", ...JOB, origin: "async", upstream: "primary", result: "failed" },
    ...{ detail: "no", polls: 1 },
  },
  "route.parked": parked("route.parked"),
  "route.resumed": parked("route.resumed"),
  "alert.firing": { type: "alert.firing", ...alert },
  "alert.resolved": { type: "alert.resolved", ...alert, cause: "recovered" },
  "manifest.applied": { type: "manifest.applied", at: AT, revision: 1, hash: "ab", by: "file" },
  "manifest.rejected": { type: "manifest.rejected", at: AT, by: "file", problems: ["no"] },
  "spool.full": {
    ...{
      type: "spool.full",
      at: AT,
      level: "full",
      bound: "jobs",
      jobs: 1,
      maxJobs: 1,
      bytes: 1,
      maxBytes: 1,
      dead: 0,
    },
  },
  "storage.failing": { type: "storage.failing", at: AT, store: "spool", detail: "no room" },
  "redis.lost": redis("redis.lost"),
  "redis.back": redis("redis.back"),
};
