import {
  addCells,
  type CallCells,
  type CallSteps,
  type CallSweep,
  type CellSum,
  cellsOf as cellsOfTally,
  createCellSum,
  type MinuteRange,
} from "../../core/calls.stored.ts";
import { type CallScope, type CallTally, emptyTally } from "../../core/calls.ts";
import type { RouteName } from "../../core/job.ts";
import type { Connection } from "../connection.ts";
import { keyOf, MINUTES_IN_HOUR, openRolled, openRollups, openScopes, type Rollups, scopeOfKey } from "./rollups.ts";

/** Reads counts of calls: from hours what they hold whole, from minutes the rest. */

export interface ReadCalls {
  readonly scopes: readonly CallScope[];
  readonly range: MinuteRange;
  readonly stepMinutes: number;
}

/** A part of a range, and the rows that know it: times are minutes or hours. */
interface Part {
  readonly rows: Rollups;
  readonly first: number;
  readonly end: number;
  /** Minutes of one row. */
  readonly minutes: number;
}

/** Routes that one `calls.sweep` sums. */
const SWEPT = 32;

export function rollupReads(db: Connection) {
  const scopes = openScopes(db);
  const minutes = openRollups(db, "call_minutes");
  const hours = openRollups(db, "call_hours");
  const rolled = openRolled(db);
  const sum = createCellSum();
  const routesAfter = db.prepare<[number, number], RouteName & { id: number }>(
    "SELECT id, app, capability FROM call_scopes WHERE id > ? AND capability <> '' ORDER BY id LIMIT ?",
  );

  const partsOf = ({ from, to, coarse }: MinuteRange): readonly Part[] => {
    const whole = Math.min(Math.floor(to / MINUTES_IN_HOUR), rolled.get()?.hour ?? 0);
    const first = Math.ceil(from / MINUTES_IN_HOUR);
    const ofMinutes = (begin: number, end: number): Part => ({ rows: minutes, first: begin, end, minutes: 1 });
    if (!coarse || whole <= first) return [ofMinutes(from, to)];
    return [
      ofMinutes(from, first * MINUTES_IN_HOUR),
      { rows: hours, first, end: whole, minutes: MINUTES_IN_HOUR },
      ofMinutes(whole * MINUTES_IN_HOUR, to),
    ];
  };
  return {
    "calls.read": ({ scopes: wanted, range, stepMinutes }: ReadCalls): CallSteps[] => {
      const parts = partsOf(range);
      return wanted.map((one) => {
        const scope = scopes.find(one);
        return scope === null ? [] : stepsOf(parts, scope, range.from, stepMinutes, sum);
      });
    },
    "calls.sweep": ({ range, after }: { readonly range: MinuteRange; readonly after: number }): CallSweep => {
      const routes = routesAfter.all(after, SWEPT);
      const [first, last] = [routes[0], routes.at(-1)];
      if (first === undefined || last === undefined) return { routes: [], next: null };
      const sums = new Map<number, CallTally>(routes.map(({ id }) => [id, emptyTally()]));
      for (const { rows, first: begin, end } of partsOf(range)) {
        for (let time = begin; time < end; time++) {
          for (const [key, cells] of rows.between(keyOf(time, first.id), keyOf(time, last.id))) {
            const sum = sums.get(scopeOfKey(key));
            if (sum !== undefined) addCells(sum, cells);
          }
        }
      }
      return {
        routes: routes.map(({ id, app, capability }) => ({
          app,
          capability,
          cells: cellsOfTally(sums.get(id) as CallTally),
        })),
        next: routes.length < SWEPT ? null : last.id,
      };
    },
  };
}

function stepsOf(parts: readonly Part[], scope: number, from: number, stepMinutes: number, sum: CellSum): CallSteps {
  const steps: [step: number, cells: CallCells][] = [];
  let step = -1;
  // Most steps of a minute or an hour are one row: that one goes on as it is.
  let only: CallCells | null = null;
  let many = false;
  const finish = (): void => {
    if (only !== null) steps.push([step, many ? sum.take() : only]);
    only = null;
    many = false;
  };
  for (const { rows, first, end, minutes } of parts) {
    for (let time = first; time < end; time++) {
      const cells = rows.get(keyOf(time, scope));
      if (cells === undefined) continue;
      const at = Math.floor((time * minutes - from) / stepMinutes);
      if (at !== step) finish();
      step = at;
      if (only === null) only = cells;
      else {
        if (!many) sum.add(only);
        many = true;
        sum.add(cells);
      }
    }
  }
  finish();
  return steps;
}
