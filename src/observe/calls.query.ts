import { addCells, type CallStore, type MinuteRange } from "../core/calls.stored.ts";
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
import { type HeldCalls, scopeKey } from "./calls.held.ts";

/** Reads the history of calls: what is written down, and what is not yet. */

export interface SeriesQuery extends CallRange {
  readonly stepMs: number;
}

export interface CallQueries {
  series(scopes: readonly CallScope[], query: SeriesQuery): Promise<readonly CallSeries[]>;
  totals(scope: Partial<CallScope>, range: CallRange): Promise<CallStats>;
  totalsByRoute(range: CallRange): Promise<readonly (RouteName & { readonly stats: CallStats })[]>;
}

export interface QueryDeps {
  readonly store: Pick<CallStore, "read" | "sweep">;
  readonly held: Pick<HeldCalls, "each">;
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
      return sum === undefined ? NOTHING : statsOf(sum);
    },
    totalsByRoute: (range) => sweep(deps, rangeOf(range, deps.wall())),
  };
}

type Steps = Map<number, CallTally>;

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
  const found = scopes.map((): Steps => new Map());
  const at = (steps: Steps, step: number): CallTally => {
    const known = steps.get(step) ?? emptyTally();
    steps.set(step, known);
    return known;
  };
  const listeners = new Map(
    scopes.map((scope, i) => [
      scopeKey(scope),
      (minute: number, tally: CallTally): void => {
        if (minute < range.from || minute >= range.to) return;
        addTally(at(found[i] as Steps, Math.floor((minute - range.from) / stepMinutes)), tally);
      },
    ]),
  );
  const answer = store.read(scopes, range, stepMinutes);
  held.each((key) => listeners.get(key));
  for (const [i, steps] of (await answer).entries()) {
    for (const [step, cells] of steps) addCells(at(found[i] as Steps, step), cells);
  }
  return found;
}

async function sweep({ store, held }: QueryDeps, range: MinuteRange): ReturnType<CallQueries["totalsByRoute"]> {
  const sums = new Map<string, RouteName & { readonly sum: CallTally }>();
  let after: number | null = 0;
  while (after !== null) {
    const answer = store.sweep(range, after);
    // Of a route that this part names: held now, or in the answer.
    const now = new Map<string, CallTally>();
    held.each((key) => (minute, tally) => {
      if (!key.includes("/") || minute < range.from || minute >= range.to) return;
      const sum = now.get(key) ?? emptyTally();
      now.set(key, sum);
      addTally(sum, tally);
    });
    const { routes, next } = await answer;
    for (const { app, capability, cells } of routes) {
      const key = `${app}/${capability}`;
      const sum = now.get(key) ?? emptyTally();
      addCells(sum, cells);
      sums.set(key, { app, capability, sum });
    }
    // Routes that the store does not know yet come after all that it knows.
    if (next === null) {
      for (const [key, sum] of now) {
        const [app = "", capability = ""] = key.split("/");
        if (!sums.has(key)) sums.set(key, { app, capability, sum });
      }
    }
    after = next;
  }
  return [...sums.values()]
    .map(({ app, capability, sum }) => ({ app, capability, stats: statsOf(sum) }))
    .filter(({ stats }) => stats.count + stats.outcomes.queued + stats.delivered + stats.dead > 0);
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
  const total = emptyTally();
  for (const sum of steps.values()) addTally(total, sum);
  const points = Array.from({ length: Math.round((toMs - fromMs) / stepMs) }, (_, step) => {
    const sum = steps.get(step);
    return { at: fromMs + step * stepMs, ...(sum === undefined ? NOTHING : statsOf(sum)) };
  });
  return { app, capability, fromMs, toMs, stepMs, total: statsOf(total), points };
}
