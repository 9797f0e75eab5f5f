import type { Agent } from "node:http";
import type { Labels } from "../core/events.ts";
import type { Exchange, Reply, RouteRef, Send, Worth } from "../core/exchange.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { UpstreamSettings } from "../core/settings.ts";
import type { BreakerCell } from "../policy/breaker.ts";
import type { Bulkhead } from "../policy/bulkhead.ts";
import type { Candidate, Target } from "../policy/choose.ts";
import type { Classifier } from "../policy/classify.ts";
import type { HealthCell } from "../policy/failover.cell.ts";
import type { Idempotency } from "../policy/idempotency.ts";
import type { Inbound } from "../policy/inbound/inbound.ts";
import type { Verify } from "../policy/verify.ts";
import type { Guarded } from "./wire.route.ts";

/** One upstream of a passthrough route. */
export interface Way extends Candidate {
  readonly name: string;
  readonly health: HealthCell;
  readonly upstream: UpstreamSettings;
  readonly agent: Agent;
  /** The outgoing path before the unmatched rest. */
  readonly path: string;
  readonly breaker: BreakerCell;
  readonly slots: Bulkhead;
  retryAfterMs(now: number): number | null;
  /** What a status is worth, and a fault. */
  readonly classifier: Classifier;
}

/** What the way in needs of a route, all computed when the manifest loads. */
export interface RoutePlan {
  readonly ref: RouteRef;
  readonly settings: RouteSettings;
  /** The composed chain; passthrough routes stream past it. */
  readonly send: Send;
  /** The ways of a passthrough route, in the order of its upstreams; empty for the other modes. */
  readonly ways: readonly Way[];
  /** Incoming headers that are ours on this route, lower case, with dashes: never forwarded. */
  readonly drop: ReadonlySet<string>;
  /** What a request may neither take away nor pose as. */
  readonly guarded: Guarded;
  /** Raw headers every try carries: `headers.set`. */
  readonly set: readonly string[];
  /** Takes a token of the app's rate limit: 0, or milliseconds until there is one. */
  readonly takeToken: ((now: number) => number) | null;
  readonly labels: (x: Exchange) => Labels;
  /** Header names whose presence makes a request repeatable: lower case. */
  readonly keyHeaders: ReadonlySet<string>;
  /** Null where the route believes every caller. */
  readonly inbound: Inbound | null;
  /** Null where the route has none. */
  readonly idempotency: Idempotency | null;
  /** Null where a good answer is enough. */
  readonly verify: Verify | null;
  readonly maxAttempts: number;
  /** One attempt at a stored job. */
  readonly deliver: Send;
  /** X-Max-Attempts of stored jobs. */
  readonly laterAttempts: number;
  /** The upstreams as choosing sees them. */
  readonly targets: readonly Pick<Target, "admits" | "onTrial" | "health" | "retryAfterMs">[];
  /** What a reply is worth on this route. */
  readonly worthOf: (reply: Reply) => Worth;
  /** The value of `order_by`; null without one, or where a request has none. */
  readonly orderKey: ((x: Exchange) => string | null) | null;
  /** Requests of the app under way, over all its routes. */
  readonly inFlight: { count: number };
  /** The breakers of its upstreams, in their order. */
  readonly breakers: readonly BreakerCell[];
}
