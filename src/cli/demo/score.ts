import { FALLBACK_GRACE_MS } from "../../core/exchange.ts";
import type { Seen } from "./caller.ts";

/** Pure: what the calls of a demo add up to. Nothing here is assumed; a call that nobody answered counts against us. */

/** A promise, what was measured, and whether it held. */
export interface Promised {
  readonly what: string;
  readonly measured: string;
  readonly held: boolean;
}

/** Calls that were made together, under the name by which the story tells them. */
export interface Scene {
  readonly name: string;
  readonly seen: readonly Seen[];
}

export interface Tally {
  readonly calls: number;
  /** Answered within the capability's timeout and the grace of fallbacks. */
  readonly inTime: number;
  readonly ok: number;
  /** The app's own no, passed on as it is. */
  readonly declined: number;
  readonly fallback: number;
  /** Answered with an error, clear and in time, where no fallback is configured. */
  readonly failed: number;
  /** Never answered. */
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

export function tally(seen: readonly Seen[]): Tally {
  const times = seen.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const of = (outcome: string): number => seen.filter((s) => s.outcome === outcome).length;
  return {
    calls: seen.length,
    inTime: seen.filter(isInTime).length,
    ok: of("ok"),
    declined: of("declined"),
    fallback: of("fallback"),
    failed: of("failed"),
    lost: seen.filter(({ lost }) => lost !== null).length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    slowestMs: times.at(-1) ?? 0,
  };
}

/** Was there an answer within what the manifest promises? */
function isInTime({ lost, ms, hook }: Seen): boolean {
  return lost === null && ms <= hook.timeoutMs + FALLBACK_GRACE_MS;
}

/** The smallest value that at least `q` of the `sorted` values do not exceed; 0 of none. */
function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? 0;
}

/** The promise of every demo: an answer to each call, within its capability's timeout and the grace. */
export function answeredInTime(scenes: readonly Scene[]): Promised {
  const seen = scenes.flatMap((scene) => scene.seen);
  const { calls, inTime } = tally(seen);
  const first = seen.find((s) => !isInTime(s));
  const late =
    first === undefined ? "" : `: ${first.hook.capability}, ${first.lost ?? `after ${Math.round(first.ms)} ms`}`;
  return {
    what: `every call answered within its timeout + ${FALLBACK_GRACE_MS} ms`,
    measured: `${inTime} of ${calls}${late}`,
    held: calls > 0 && inTime === calls,
  };
}

/** A promise that a number of things out of a number of things came true. */
export function allOf(what: string, count: number, of: number): Promised {
  return { what, measured: `${count} of ${of}`, held: of > 0 && count === of };
}
