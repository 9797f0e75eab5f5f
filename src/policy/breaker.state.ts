import type { PeerBreaker } from "../core/peer.ts";
import type { BreakerSettings } from "../core/settings.route.ts";
import type { BreakerResult } from "./breaker.tally.ts";

/**
 * The circuit breaker as a pure machine, `(state, event, now, settings) → state`. The very same object comes back
 * when nothing changed, so the shell sees a transition by comparing. What is counted between transitions is kept
 * by the shell in a tally and read here; the machine itself neither counts calls nor keeps time.
 *
 * Each period has a generation, and each admission carries the one it was given: a result from an older period
 * changes nothing. Times are monotonic milliseconds.
 */

const CAUSES = ["start", "failures", "failure_rate", "probe_failed", "recovered", "operator", "restored"] as const;
export type BreakerCause = (typeof CAUSES)[number];

interface Period {
  /** From 1 on, one higher with each transition. */
  readonly generation: number;
  readonly since: number;
  /** What led here; a half-open breaker keeps what had opened it. */
  readonly cause: BreakerCause;
}

export interface Closed extends Period {
  readonly kind: "closed";
}

export interface Open extends Period {
  readonly kind: "open";
  /** The first trial may start now. */
  readonly until: number;
  /** How often it opened again without having closed. */
  readonly reopenings: number;
}

export interface HalfOpen extends Period {
  readonly kind: "half_open";
  readonly reopenings: number;
  /** Trials that have not come back. */
  readonly running: number;
  readonly successes: number;
  readonly lastTrialAt: number;
}

export type BreakerState = Closed | Open | HalfOpen;

/** What the closed state has seen, as of the result just counted. */
export interface Counts {
  readonly consecutive: number;
  readonly total: number;
  readonly failures: number;
}

export type BreakerEvent =
  | { readonly type: "admit" }
  | { readonly type: "settle"; readonly permit: number; readonly result: BreakerResult; readonly counts: Counts }
  /** An operator opens it, for `forMs`; null is the usual recovery. */
  | { readonly type: "trip"; readonly forMs: number | null }
  | { readonly type: "reset" }
  /** The upstream is known to be well: there is nothing to wait for. */
  | { readonly type: "hasten" }
  /** Another replica's breaker moved. What it opened this one leaves to it for `headStartMs` longer. */
  | { readonly type: "peer"; readonly peer: PeerBreaker; readonly headStartMs: number };

/**
 * A trial that never came back gives up its place after this long. Every try ends and settles sooner (the longest
 * timeout is 15 minutes); the bound is for one that is lost to a bug, or the breaker would refuse for ever.
 */
export const TRIAL_LAPSE_MS = 1_200_000;

/** Trials of another replica are waited for this long: it may have died, or get no more calls. */
export const PEER_TRIAL_MS = 5_000;

/** The state at start: closed. */
export function initialState(now: number): Closed {
  return { kind: "closed", generation: 1, since: now, cause: "start" };
}

/** Would `admit` let a call through? */
export function admits(state: BreakerState, now: number, settings: BreakerSettings): boolean {
  switch (state.kind) {
    case "closed":
      return true;
    case "open":
      return now >= state.until;
    case "half_open":
      return state.running < settings.probes || now - state.lastTrialAt >= TRIAL_LAPSE_MS;
  }
}

/** The transition function. */
export function next(state: BreakerState, event: BreakerEvent, now: number, settings: BreakerSettings): BreakerState {
  switch (event.type) {
    case "admit":
      return admits(state, now, settings) ? admitted(state, now, settings) : state;
    case "settle":
      return event.permit === state.generation ? settled(state, event.result, event.counts, now, settings) : state;
    case "trip": {
      const reopenings = state.kind === "closed" ? 0 : state.reopenings;
      const until = now + (event.forMs ?? recoveryMs(reopenings, settings));
      return { kind: "open", generation: state.generation + 1, since: now, cause: "operator", until, reopenings };
    }
    case "reset":
      return { kind: "closed", generation: state.generation + 1, since: now, cause: "operator" };
    case "hasten":
      // What an operator opened stays open for as long as they said.
      return state.kind === "open" && state.cause !== "operator" && state.until > now
        ? { ...state, until: now }
        : state;
    case "peer":
      return followed(state, event.peer, now, event.headStartMs, settings);
  }
}

/** As another replica has it. While both have trials, each goes on with its own. */
function followed(
  state: BreakerState,
  peer: PeerBreaker,
  now: number,
  headStartMs: number,
  settings: BreakerSettings,
): BreakerState {
  if (peer.kind === state.kind && state.kind !== "open") return state;
  const cause = CAUSES.find((known) => known === peer.cause) ?? "restored";
  const since = now - peer.ageMs;
  if (peer.kind === "closed") return { kind: "closed", generation: state.generation + 1, since, cause };
  const longest = cause === "operator" ? Number.POSITIVE_INFINITY : settings.recoveryMaxMs;
  const left = peer.kind === "open" ? Math.min(peer.leftMs, longest) : Math.max(PEER_TRIAL_MS - peer.ageMs, 0);
  const until = now + left + headStartMs;
  // It refuses already: no transition, only another end.
  if (state.kind === "open") return { ...state, cause, until, reopenings: peer.reopenings };
  return { kind: "open", generation: state.generation + 1, since, cause, until, reopenings: peer.reopenings };
}

/** How long it stays open after the n-th reopening: doubled with each, up to `recovery_max`. */
export function recoveryMs(reopenings: number, settings: BreakerSettings): number {
  return Math.min(settings.recoveryMs * 2 ** reopenings, settings.recoveryMaxMs);
}

function admitted(state: BreakerState, now: number, settings: BreakerSettings): BreakerState {
  switch (state.kind) {
    case "closed":
      return state;
    case "open": {
      const { cause, reopenings } = state;
      const generation = state.generation + 1;
      return {
        kind: "half_open",
        generation,
        since: now,
        cause,
        reopenings,
        running: 1,
        successes: 0,
        lastTrialAt: now,
      };
    }
    case "half_open":
      if (state.running < settings.probes) return { ...state, running: state.running + 1, lastTrialAt: now };
      // The lost trials become a period of their own, so that one that does come back frees no place twice.
      return { ...state, generation: state.generation + 1, running: 1, lastTrialAt: now };
  }
}

function settled(
  state: BreakerState,
  result: BreakerResult,
  counts: Counts,
  now: number,
  settings: BreakerSettings,
): BreakerState {
  switch (state.kind) {
    case "closed": {
      const cause = result === "bad" ? tripCause(counts, settings) : null;
      return cause === null ? state : opened(state, cause, 0, now, settings);
    }
    case "open":
      return state;
    case "half_open": {
      if (result === "bad") return opened(state, "probe_failed", state.reopenings + 1, now, settings);
      const running = state.running - 1;
      if (result === "none") return { ...state, running };
      const successes = state.successes + 1;
      if (successes < settings.successes) return { ...state, running, successes };
      return { kind: "closed", generation: state.generation + 1, since: now, cause: "recovered" };
    }
  }
}

function opened(
  state: BreakerState,
  cause: BreakerCause,
  reopenings: number,
  now: number,
  settings: BreakerSettings,
): Open {
  const until = now + recoveryMs(reopenings, settings);
  return { kind: "open", generation: state.generation + 1, since: now, cause, until, reopenings };
}

function tripCause(counts: Counts, settings: BreakerSettings): BreakerCause | null {
  if (counts.consecutive >= settings.failures) return "failures";
  const enough = counts.total >= settings.minSamples;
  return enough && counts.failures * 100 >= settings.failureRate * counts.total ? "failure_rate" : null;
}
