import type { PeerBreaker } from "../core/peer.ts";
import type { BreakerSettings } from "../core/settings.route.ts";
import type { BreakerId, StoredBreaker } from "../core/stored.ts";
import type { BreakerState } from "./breaker.state.ts";

/** A breaker's state on its way to disk and back: inside time is monotonic, on disk it is the wall clock's. */

/** The row to keep at a transition. `now` and `wall` are the same moment on the two clocks. */
export function toStored(
  id: BreakerId,
  state: BreakerState,
  consecutiveFailures: number,
  now: number,
  wall: number,
): StoredBreaker {
  return {
    app: id.app,
    capability: id.capability,
    upstream: id.upstream,
    url: id.url,
    state: state.kind,
    since: wallOf(state.since, now, wall),
    until: state.kind === "open" ? wallOf(state.until, now, wall) : null,
    reopenings: state.kind === "closed" ? 0 : state.reopenings,
    consecutiveFailures,
    savedAt: wall,
  };
}

/**
 * The state a row brings back, or null where there is nothing to take over (closed). An open breaker has the time
 * left that it had, but never more than `recovery_max`: the wall clock may have been set back meanwhile. A half-open
 * one comes back open with its trial due at once, for the trials that ran ended with the process.
 */
export function fromStored(
  row: StoredBreaker,
  generation: number,
  now: number,
  wall: number,
  settings: BreakerSettings,
): BreakerState | null {
  if (row.state === "closed") return null;
  const left = row.until === null ? 0 : Math.min(Math.max(row.until - wall, 0), settings.recoveryMaxMs);
  return {
    kind: "open",
    generation,
    since: now - Math.max(wall - row.since, 0),
    cause: "restored",
    until: now + left,
    reopenings: row.reopenings,
  };
}

/** The state as it is told to other replicas. */
export function toPeer(state: BreakerState, now: number): PeerBreaker {
  return {
    kind: state.kind,
    cause: state.cause,
    ageMs: now - state.since,
    leftMs: state.kind === "open" ? Math.max(state.until - now, 0) : 0,
    reopenings: state.kind === "closed" ? 0 : state.reopenings,
  };
}

/** A monotonic time as the wall clock shows it. */
export function wallOf(at: number, now: number, wall: number): number {
  return Math.round(wall + (at - now));
}
