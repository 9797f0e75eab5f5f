import {
  type CallRange,
  type CallScope,
  type CallSeries,
  type CallStats,
  emptyTally,
  type StoredSample,
  statsOf,
} from "../core/calls.ts";
import type { Listener } from "../core/events.ts";
import type { Attempt, RouteRef } from "../core/exchange.ts";
import type { RouteName } from "../core/job.ts";
import type { Page, PageRequest } from "../core/stored.ts";

/** The history of calls: counts them, writes that down now and then, and tells what is known. */
export interface CallHistory {
  /** Takes every event of the bus. */
  readonly record: Listener;
  /** An attempt to deliver a stored job: all its sends. `requestId` is that of the job. */
  attempted(route: RouteRef, attempts: readonly Attempt[], requestId: string): void;
  /** What is known of a scope in a range that is widened to whole minutes (past 48 h: hours). For alerts. */
  totals(scope: Partial<CallScope>, range: CallRange): Promise<CallStats>;
  /** The same of every route that was called in it. */
  totalsByRoute(range: CallRange): Promise<readonly (RouteName & { readonly stats: CallStats })[]>;
  /** One for each of `scopes`, in their order. `stepMs` divides an hour, or is whole hours. */
  series(scopes: readonly CallScope[], query: CallRange & { readonly stepMs: number }): Promise<readonly CallSeries[]>;
  known(scope: CallScope): Promise<boolean>;
  samples(query: PageRequest & RouteName & { readonly failures: boolean }): Promise<Page<StoredSample>>;
  /** Writes down what there is. */
  stop(): Promise<void>;
}

export function createCallHistory(): CallHistory {
  const nothing = statsOf(emptyTally());
  return {
    record: () => undefined,
    attempted: () => undefined,
    totals: async () => nothing,
    totalsByRoute: async () => [],
    series: async (scopes, query) => scopes.map((scope) => ({ ...scope, ...query, total: nothing, points: [] })),
    known: async () => false,
    samples: async () => ({ items: [], next: null }),
    stop: async () => undefined,
  };
}
