import {
  type CallCells,
  type CallStore,
  type CallSweep,
  cellsOf,
  createCellSum,
  type MinuteRange,
  statsOfCells,
} from "../core/calls.stored.ts";
import {
  addTally,
  type CallRange,
  type CallScope,
  type CallSeries,
  type CallStats,
  type CallTally,
  emptyTally,
  MINUTES_KEPT_MS,
  statsOf,
} from "../core/calls.ts";
import type { RouteName } from "../core/job.ts";
import { type HeldCalls, type HeldListener, scopeKey } from "./calls.held.ts";

/** Reads the history of calls: what is written down, and what is not yet. */

export interface SeriesQuery extends CallRange {
  readonly stepMs: number;
}

export interface RouteStats extends RouteName {
  readonly stats: CallStats;
}

export interface CallQueries {
  /** One for each of `scopes`, in their order. `stepMs` divides an hour, or is whole hours. */
  series(scopes: readonly CallScope[], query: SeriesQuery): Promise<readonly CallSeries[]>;
  /** The sum of a range that is widened to whole minutes; where it begins more than 48 h ago, to hours. */
  totals(scope: Partial<CallScope>, range: CallRange): Promise<CallStats>;
  /** The same of every route that was called in it, also of those that no manifest has any more. */
  totalsByRoute(range: CallRange): Promise<readonly RouteStats[]>;
}

export interface QueryDeps {
  readonly store: Pick<CallStore, "read" | "sweep">;
  readonly held: Pick<HeldCalls, "each">;
  /** Does it while nothing is written. */
  readonly alone: <T>(act: () => Promise<T>) => Promise<T>;
  /** Unix milliseconds. */
  readonly wall: () => number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Rows that one read looks for: the spool must not wait long behind it. */
const ROWS_AT_ONCE = 3_000;
const NOTHING = Object.freeze(statsOf(emptyTally()));

export function createCallQueries(deps: QueryDeps): CallQueries {
  return {
    async series(scopes, query) {
      const wide = widened(query, query.stepMs);
      const found: CallSeries[] = [];
      const atOnce = Math.max(Math.floor(ROWS_AT_ONCE / rowsIn(wide.range)), 1);
      for (let i = 0; i < scopes.length; i += atOnce) {
        const part = scopes.slice(i, i + atOnce);
        const tallies = await readSteps(deps, part, wide.range, query.stepMs / MINUTE_MS);
        for (const [n, scope] of part.entries()) found.push(seriesOf(scope, wide, tallies[n] ?? new Map()));
      }
      return found;
    },
    async totals({ app = null, capability = null }, range) {
      const wide = rangeOf(range, deps.wall());
      const [steps] = await readSteps(deps, [{ app, capability }], wide, wide.to - wide.from);
      const sum = steps?.get(0);
      return sum === undefined ? NOTHING : statsOfCells(sum);
    },
    totalsByRoute: (range) => deps.alone(() => sweep(deps, rangeOf(range, deps.wall()))),
  };
}

type Steps = Map<number, CallCells>;

/**
 * What is held is added in the turn in which the store is asked: it answers in order, so all that was given to it
 * before is in its answer, and what comes later is in neither.
 */
async function readSteps(
  { store, held }: QueryDeps,
  scopes: readonly CallScope[],
  range: MinuteRange,
  stepMinutes: number,
): Promise<readonly Steps[]> {
  const unwritten = scopes.map(() => new Map<number, CallTally>());
  const listeners = new Map(
    scopes.map((scope, i) => [
      scopeKey(scope),
      (minute: number, tally: CallTally): void => {
        if (minute < range.from || minute >= range.to) return;
        const step = Math.floor((minute - range.from) / stepMinutes);
        const sum = unwritten[i]?.get(step) ?? emptyTally();
        unwritten[i]?.set(step, sum);
        addTally(sum, tally);
      },
    ]),
  );
  const answer = store.read(scopes, range, stepMinutes);
  held.each((key) => listeners.get(key));
  const sum = createCellSum();
  return (await answer).map((stored, i) => {
    const steps: Steps = new Map(stored);
    for (const [step, tally] of unwritten[i] ?? []) {
      const known = steps.get(step);
      if (known !== undefined) sum.add(known);
      sum.add(cellsOf(tally));
      steps.set(step, sum.take());
    }
    return steps;
  });
}

/** Nothing may be written meanwhile: what is held is looked at once, and the store is asked part by part. */
async function sweep({ store, held }: QueryDeps, range: MinuteRange): Promise<readonly RouteStats[]> {
  const unwritten = new Map<string, CallTally>();
  const add: HeldListener = (minute, tally, key) => {
    if (minute < range.from || minute >= range.to) return;
    const sum = unwritten.get(key) ?? emptyTally();
    unwritten.set(key, sum);
    addTally(sum, tally);
  };
  held.each((key) => (key.includes("/") ? add : undefined));
  const found: RouteStats[] = [];
  const tell = (app: string, capability: string, stats: CallStats): void => {
    if (stats.count + stats.outcomes.queued + stats.delivered + stats.dead > 0) found.push({ app, capability, stats });
  };
  const sum = createCellSum();
  let after: number | null = 0;
  while (after !== null) {
    const { routes, next }: CallSweep = await store.sweep(range, after);
    for (const { app, capability, cells } of routes) {
      const key = scopeKey({ app, capability });
      const tally = unwritten.get(key);
      unwritten.delete(key);
      sum.add(cells);
      if (tally !== undefined) sum.add(cellsOf(tally));
      tell(app, capability, statsOfCells(sum.take()));
    }
    after = next;
  }
  // Those that the store has never heard of.
  for (const [key, tally] of unwritten) {
    const [app = "", capability = ""] = key.split("/");
    tell(app, capability, statsOf(tally));
  }
  return found;
}

interface Widened extends SeriesQuery {
  readonly range: MinuteRange;
}

/** To whole steps, counted since 1970. */
function widened({ fromMs, toMs }: CallRange, stepMs: number): Widened {
  const from = Math.floor(fromMs / stepMs) * stepMs;
  const to = Math.ceil(toMs / stepMs) * stepMs;
  const range = { from: from / MINUTE_MS, to: to / MINUTE_MS, coarse: stepMs % HOUR_MS === 0 };
  return { fromMs: from, toMs: to, stepMs, range };
}

function rangeOf(range: CallRange, wall: number): MinuteRange {
  const stepMs = range.fromMs < wall - MINUTES_KEPT_MS ? HOUR_MS : MINUTE_MS;
  return { ...widened(range, stepMs).range, coarse: true };
}

/** How many rows it has at most, as far as can be said without the store: the last hours may be read by the minute. */
function rowsIn({ from, to, coarse }: MinuteRange): number {
  return coarse ? Math.ceil((to - from) / 60) + 120 : to - from;
}

function seriesOf({ app, capability }: CallScope, wide: Widened, steps: Steps): CallSeries {
  const { fromMs, toMs, stepMs } = wide;
  const total = createCellSum();
  for (const cells of steps.values()) total.add(cells);
  const points = Array.from({ length: Math.round((toMs - fromMs) / stepMs) }, (_, step) => {
    const cells = steps.get(step);
    return { at: fromMs + step * stepMs, ...(cells === undefined ? NOTHING : statsOfCells(cells)) };
  });
  return { app, capability, fromMs, toMs, stepMs, total: statsOfCells(total.take()), points };
}
