import type { AlertChanged } from "./events.alert.ts";
import type { UpstreamHealthChanged, UpstreamMoved } from "./events.health.ts";
import type {
  DeliveryDelivered,
  DeliveryQueued,
  DeliveryRetry,
  DlqAdded,
  DlqRetried,
  RouteParked,
  SpoolFull,
  VerificationFailed,
} from "./events.job.ts";
import type { Attempt, RouteRef } from "./exchange.ts";
import type { Outcome, Reason, Strategy } from "./outcome.ts";

/**
 * The closed list of facts that leave the request path and the services. Log, metrics, history, notifications, the
 * event stream and the dashboard all read this one list. Events carry names, numbers and labels: no payload, no secret.
 */
export const EVENT_TYPES = [
  "request.completed",
  "fallback.used",
  "breaker.opened",
  "breaker.half_open",
  "breaker.closed",
  "failover",
  "failback",
  "upstream.up",
  "upstream.down",
  "delivery.queued",
  "delivery.delivered",
  "delivery.retry",
  "dlq.added",
  "dlq.retried",
  "verification.failed",
  "route.parked",
  "route.resumed",
  "alert.firing",
  "alert.resolved",
  "manifest.applied",
  "manifest.rejected",
  "spool.full",
  "storage.failing",
  "redis.lost",
  "redis.back",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Labels from `context`, such as `{ room: "42" }`. */
export type Labels = Readonly<Record<string, string>>;

export interface RequestCompleted {
  readonly type: "request.completed";
  /** Unix milliseconds. */
  readonly at: number;
  readonly route: RouteRef;
  readonly id: string;
  readonly method: string;
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  readonly strategy: Strategy | null;
  readonly status: number;
  readonly durationMs: number;
  /** Time of ours in it: the whole, less tries and waiting. */
  readonly overheadMs: number;
  readonly attempts: readonly Attempt[];
  readonly retries: readonly Reason[];
  /** Why a repeat was not made, where one was wanted. */
  readonly denied: Reason | null;
  readonly labels: Labels;
}

export interface FallbackUsed {
  readonly type: "fallback.used";
  readonly at: number;
  readonly route: RouteRef;
  readonly id: string;
  readonly strategy: Strategy;
  readonly reason: Reason;
  readonly labels: Labels;
}

export interface BreakerMoved {
  readonly type: "breaker.opened" | "breaker.half_open" | "breaker.closed";
  readonly at: number;
  readonly app: string;
  readonly capability: string;
  readonly upstream: string;
  /** Unix milliseconds when the next trial may start; null unless open. */
  readonly until: number | null;
  /** `failures`, `failure_rate`, `probe_failed`, `recovered`, `operator`, `restored`. */
  readonly cause: string;
  /** The operator, where the cause is one. */
  readonly by?: string;
  readonly dryRun: boolean;
}

export interface ManifestApplied {
  readonly type: "manifest.applied";
  readonly at: number;
  readonly revision: number;
  readonly hash: string;
  /** `start`, `signal`, `file`, or the name of an operator's token. */
  readonly by: string;
}

export interface ManifestRejected {
  readonly type: "manifest.rejected";
  readonly at: number;
  readonly by: string;
  readonly problems: readonly string[];
}

export interface StorageFailing {
  readonly type: "storage.failing";
  readonly at: number;
  readonly store: string;
  readonly detail: string;
}

/** Events whose features have no further fields yet. */
export interface PlainEvent {
  readonly type: Exclude<
    EventType,
    | RequestCompleted["type"]
    | FallbackUsed["type"]
    | BreakerMoved["type"]
    | ManifestApplied["type"]
    | ManifestRejected["type"]
    | StorageFailing["type"]
    | DeliveryQueued["type"]
    | DeliveryDelivered["type"]
    | DeliveryRetry["type"]
    | DlqAdded["type"]
    | DlqRetried["type"]
    | RouteParked["type"]
    | SpoolFull["type"]
    | VerificationFailed["type"]
    | UpstreamMoved["type"]
    | UpstreamHealthChanged["type"]
    | AlertChanged["type"]
  >;
  readonly at: number;
  readonly app?: string;
  readonly capability?: string;
  readonly [more: string]: unknown;
}

export type OutriggerEvent =
  | RequestCompleted
  | FallbackUsed
  | BreakerMoved
  | ManifestApplied
  | ManifestRejected
  | StorageFailing
  | DeliveryQueued
  | DeliveryDelivered
  | DeliveryRetry
  | DlqAdded
  | DlqRetried
  | RouteParked
  | SpoolFull
  | VerificationFailed
  | UpstreamMoved
  | UpstreamHealthChanged
  | AlertChanged
  | PlainEvent;

export type Listener = (event: OutriggerEvent) => void;

export interface EventBus {
  /** Calls every listener, in the order they came. A listener that throws is reported and never reaches the sender. */
  emit(event: OutriggerEvent): void;
  /** Returns the call that takes the listener off again. */
  on(listener: Listener): () => void;
}

/** Makes a bus. `onError` hears of listeners that threw: a failing log or metric never changes a request. */
export function createEventBus(onError: (error: unknown, event: OutriggerEvent) => void): EventBus {
  let listeners: readonly Listener[] = [];
  return {
    emit(event) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          onError(error, event);
        }
      }
    },
    on(listener) {
      listeners = [...listeners, listener];
      return () => {
        listeners = listeners.filter((l) => l !== listener);
      };
    },
  };
}
