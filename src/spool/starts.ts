import type { Flight } from "./deliverer.ts";
import type { Ending } from "./ending.ts";
import type { ParkedNow } from "./parking.ts";
import { type AppState, activeOf, type DeliveryRoute, type Held, type LaneState, type RouteState } from "./route.ts";
import { laneMayStart, mayStart, routeMayStart, type Shares } from "./shares.ts";

/** Puts jobs that are leased on their way, as far as shares, pace and memory allow. */
export interface Starts {
  /** Starts one job of the app, if it may. */
  one(app: AppState, routes: readonly RouteState[], busyApps: number, shares: Shares, now: number): boolean;
  /** Under way, over all apps. */
  readonly total: number;
  readonly flights: ReadonlySet<Flight>;
}

interface Told {
  readonly wakeAt: (at: number) => void;
  readonly landed: (state: RouteState) => void;
}

/** How long a job waits that found no memory. */
const NO_MEMORY_MS = 200;

export function createStarts(parkedNow: ParkedNow, ending: Ending, told: Told): Starts {
  const flights = new Set<Flight>();
  let total = 0;

  const fly = (state: RouteState, lane: LaneState, held: Held, flight: Flight): void => {
    flights.add(flight);
    lane.active++;
    state.app.active++;
    total++;
    void flight.sending.done.then((sent) => {
      flights.delete(flight);
      lane.active--;
      state.app.active--;
      total--;
      ending.ended(flight, sent, held.claimedAt);
      told.landed(state);
    });
  };
  const start = (state: RouteState, lane: LaneState, now: number): boolean => {
    const route = state.route as DeliveryRoute;
    const next = lane.buffer[0] as Held;
    if (now - next.claimedAt >= next.job.expiresInMs) {
      lane.buffer.shift();
      ending.tooOld(state, next.job);
      return true;
    }
    const waitMs = route.takeToken === null ? 0 : route.takeToken(now);
    const sending = waitMs > 0 ? null : route.send(next.job);
    if (sending === null) {
      told.wakeAt(now + Math.max(waitMs, waitMs > 0 ? 1 : NO_MEMORY_MS));
      return false;
    }
    lane.buffer.shift();
    fly(state, lane, next, { job: next.job, state, lane, sending });
    return true;
  };

  return {
    flights,
    get total() {
      return total;
    },
    one(app, routes, busyApps, shares, now) {
      if (!mayStart(app.active, total, busyApps, shares) || ending.behind()) return false;
      const open = routes.filter(
        (state) => state.restUntil <= now && state.lanes.some(isDue) && parkedNow(state, now) === null,
      );
      const ready = open.filter(({ lanes }) => lanes.some(({ buffer }) => buffer.length > 0));
      if (ready.length === 0) return false;
      app.turn++;
      const dueIn = (i: 0 | 1): boolean => open.some(({ lanes }) => isDue(lanes[i]));
      const activeIn = (i: 0 | 1): number => routes.reduce((sum, { lanes }) => sum + lanes[i].active, 0);
      for (const state of inTurn(ready, app.turn)) {
        if (!routeMayStart(activeOf(state), open.length > 1, shares)) continue;
        // Lanes change places when all routes had their turn: else each route would always begin with the same one.
        for (const i of Math.floor(app.turn / ready.length) % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
          const lane = state.lanes[i];
          if (lane.buffer.length === 0 || !laneMayStart(activeIn(i), dueIn(i === 0 ? 1 : 0), shares)) continue;
          if (start(state, lane, now)) return true;
        }
      }
      return false;
    },
  };
}

/** Also while its jobs are being fetched: in that moment another must not take what is left for it. */
const isDue = ({ buffer, due, claiming }: LaneState): boolean => buffer.length > 0 || due || claiming;

/** The most urgent first; equals take turns. */
function inTurn(ready: readonly RouteState[], turn: number): readonly RouteState[] {
  if (ready.length === 1) return ready;
  return ready
    .map((state, i) => ({ state, place: (i + turn) % ready.length }))
    .sort((a, b) => (a.state.route?.priority ?? 0) - (b.state.route?.priority ?? 0) || a.place - b.place)
    .map(({ state }) => state);
}
