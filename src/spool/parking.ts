import type { ParkCause } from "../core/job.ts";
import type { DelivererDeps } from "./deliverer.ts";
import { activeOf, isWaiting, type RouteState } from "./route.ts";

/**
 * Why the jobs of a route wait now although they are due; null where they do not. Computed, never written to jobs. Says
 * so, once, when it changes.
 */
export type ParkedNow = (state: RouteState, now: number) => ParkCause | null;

export function createParking(
  { clock, pauses, emit }: Pick<DelivererDeps, "clock" | "pauses" | "emit">,
  changed: (state: RouteState, cause: ParkCause | null) => void,
): ParkedNow {
  const tell = (state: RouteState, cause: ParkCause | null): void => {
    const { app, capability, parked: before } = state;
    const at = clock.wall();
    const by = pauses.of(app.name, capability)?.by ?? null;
    state.parked = cause;
    state.parkedAt = at;
    const about = { at, app: app.name, capability };
    changed(state, cause);
    if (cause !== null) emit({ type: "route.parked", ...about, cause, ...(by !== null && { by }) });
    else if (before !== null) emit({ type: "route.resumed", ...about, cause: before });
  };
  return (state, now) => {
    const { route, app, capability } = state;
    const pause = pauses.of(app.name, capability);
    const cause =
      route === null ? "no_route" : pause !== null ? pause.cause : route.admits(now) ? null : "breaker_open";
    // A half-open breaker that is trying somebody refuses the others for a moment: that is no news.
    const trying = cause === "breaker_open" && state.parked === null && route?.retryAfterMs(now) === null;
    const told = trying ? null : (cause ?? (onTrial(state, now) ? "breaker_open" : null));
    if (told !== state.parked) tell(state, told);
    return cause;
  };
}

/**
 * Jobs behind a breaker wait until it has closed: those it admits before are its trials, and whoever waits is not told
 * of each.
 */
function onTrial(state: RouteState, now: number): boolean {
  if (state.parked !== "breaker_open" || state.route?.onTrial(now) !== true) return false;
  return isWaiting(state) || activeOf(state) > 0 || state.settling > 0;
}
