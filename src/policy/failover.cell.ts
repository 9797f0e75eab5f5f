import type { CallFailure, Standing } from "../core/health.ts";
import type { BreakerResult } from "./breaker.tally.ts";
import { begin, countTry, countUndone, leave, type Tally } from "./failover.signs.ts";

/**
 * How one upstream stands, as a request sees it: fields that the app's failover sets and a choice only reads, and the
 * two calls around a try. Nothing here is allocated for a request.
 */
export interface HealthCell {
  readonly serving: boolean;
  /** It may be tried, by one request at a time. */
  readonly returning: boolean;
  /** A request is tried on it now. */
  readonly trying: boolean;
  /** What is preferred: smaller first. */
  readonly rank: number;
  /** Failures in a row, of live tries or probes: where none serves, the fewest come first. */
  readonly failures: number;
  /** Begins a try, and with `mayTry` takes the trial where there is one. The permit is to be settled exactly once. */
  admit(mayTry: boolean): number;
  /**
   * Tells how the try went: `none` says nothing of the upstream. `ms` is null for an asynchronous job, whose time
   * nobody waits for. A permit of an older period is dropped.
   */
  settle(permit: number, result: BreakerResult, ms: number | null, now: number): void;
  /** Why a try failed that counts as a failure: for people. */
  failed(why: CallFailure, now: number): void;
  /** What it had answered well to was not done. */
  undone(now: number): void;
}

/** Of an upstream that nobody watches: one that a single route names by a URL of its own. */
export const UNWATCHED: HealthCell = Object.freeze({
  serving: true,
  returning: false,
  trying: false,
  rank: 0,
  failures: 0,
  admit: () => 0,
  settle: () => undefined,
  failed: () => undefined,
  undone: () => undefined,
});

export interface KeptCell extends HealthCell {
  serving: boolean;
  returning: boolean;
  rank: number;
  trying: boolean;
  generation: number;
  tally: Tally;
  /** The newest of them, `at` by the monotonic clock. */
  lastFailure: (CallFailure & { readonly at: number }) | null;
}

export interface CellHooks {
  /** Something was counted that may change how it stands. */
  readonly look: (now: number) => void;
  /** A try went well, though the newest probe did not. */
  readonly answered: (now: number) => void;
  /** The trial of the generation ended. */
  readonly tried: (generation: number, good: boolean, ms: number | null, now: number) => void;
  /** A mean may only rise over a bound by a try that took longer. */
  readonly slowMs: () => number;
}

export function createHealthCell(tally: Tally, hooks: CellHooks): KeptCell {
  const cell: KeptCell = {
    serving: true,
    returning: false,
    rank: 0,
    trying: false,
    generation: 1,
    tally,
    lastFailure: null,
    get failures() {
      return Math.max(cell.tally.consecutive, cell.tally.probeFailures);
    },
    admit(mayTry) {
      if (!cell.returning || cell.trying || !mayTry) return cell.generation;
      cell.trying = true;
      // Generations begin at 1: a negative one is the trial of its period.
      return -cell.generation;
    },
    settle(permit, result, ms, now) {
      const trial = permit < 0;
      if (Math.abs(permit) !== cell.generation) return;
      if (trial) cell.trying = false;
      if (result === "none") return;
      const good = result === "good";
      countTry(cell.tally, good, ms, now);
      if (good && cell.tally.probeFailures > 0) hooks.answered(now);
      if (trial) hooks.tried(cell.generation, good, ms, now);
      else if (!good || (ms ?? 0) > hooks.slowMs()) hooks.look(now);
    },
    failed({ reason, status, detail }, now) {
      cell.lastFailure = { reason, status, detail, at: now };
    },
    undone(now) {
      countUndone(cell.tally, now);
      hooks.look(now);
    },
  };
  return cell;
}

/** It stands otherwise from now on. */
export function enterPeriod(cell: KeptCell, standing: Standing, generation: number): void {
  cell.generation = generation;
  cell.serving = standing === "serving";
  cell.returning = standing === "returning";
  cell.trying = false;
  if (standing === "away") leave(cell.tally);
  else begin(cell.tally);
}
