import type { Labels } from "../core/events.ts";
import type { Exchange, RouteRef, Send } from "../core/exchange.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { BreakerId } from "../core/stored.ts";

/** What the way in needs of a route, all computed when the manifest loads. */
export interface RoutePlan {
  readonly ref: RouteRef;
  readonly settings: RouteSettings;
  /** The composed chain of a sync route. */
  readonly send: Send;
  /** Incoming headers that are ours on this route, lower case: never forwarded. */
  readonly drop: ReadonlySet<string>;
  /** Raw headers every try carries: `headers.set`. */
  readonly set: readonly string[];
  /** Takes a token of the app's rate limit: 0, or milliseconds until there is one. */
  readonly takeToken: ((now: number) => number) | null;
  readonly labels: (x: Exchange) => Labels;
  /** Header names whose presence makes a request repeatable: lower case. */
  readonly keyHeaders: readonly string[];
  readonly maxAttempts: number;
  /** Requests of the app under way, over all its routes. */
  readonly inFlight: { count: number };
  /** The breakers of its upstreams, in their order. */
  readonly breakers: readonly BreakerId[];
}
