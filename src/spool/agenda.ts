import { LinkedList } from "../core/linked.ts";
import type { ParkedNow } from "./parking.ts";
import { type AppState, activeOf, isDue, isWaiting, type RouteState } from "./route.ts";
import { createWakes } from "./wakes.ts";

/**
 * For whom there is something to do, and when. A route is looked at when something happened to it or its time has
 * come, and then stands where it will be found: however many rest, wait or are parked, nobody meets them.
 */
export interface Agenda {
  /** Something happened to it: it is looked at in the next round. */
  touch(state: RouteState): void;
  /** Looks at it now. */
  look(state: RouteState, now: number): void;
  /** Looks at all that were touched, and all whose time has come. */
  round(now: number): void;
  /** The app is asked anew whether something of it may start. */
  place(app: AppState, now: number): void;
  /** Nothing more of it may start until something happens to one of its routes. */
  setAside(app: AppState): void;
  /** It had its turn. */
  served(app: AppState): void;
  /** Apps that may start something: those with nothing under way, and the others, whose turn is longest ago first. */
  readonly idle: LinkedList<AppState>;
  readonly more: LinkedList<AppState>;
  /** How many apps have something under way or due. */
  readonly busyApps: number;
  /** Routes whose due jobs may be fetched. Whoever has seen to one takes it out. */
  readonly hungry: LinkedList<RouteState>;
  /** When the next look is due. */
  next(): number;
}

interface Told {
  readonly parkedNow: ParkedNow;
  /** Ends what waits here and is too old; when the next one will be. */
  readonly expire: (state: RouteState, now: number) => number;
}

/** A half-open breaker does not say when its trial ends: its event does; this is for the case that it never comes. */
const TRIAL_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

export function createAgenda({ parkedNow, expire }: Told): Agenda {
  const touched = new LinkedList<RouteState>();
  const routeWakes = createWakes<RouteState>();
  const appWakes = createWakes<AppState>();
  const hungry = new LinkedList<RouteState>();
  const idle = new LinkedList<AppState>();
  const more = new LinkedList<AppState>();
  let busyApps = 0;

  const setAside = ({ turn }: AppState): void => turn.leave();
  const place = (app: AppState, now: number): void => {
    const busy = app.active > 0 || app.open > 0;
    busyApps += Number(busy) - Number(app.busy);
    app.busy = busy;
    const paced = app.ready.any(true);
    const waits = paced && app.pacedUntil > now;
    appWakes.set(app, waits ? app.pacedUntil : NEVER);
    if (app.ready.any(false) || (paced && !waits)) (app.active === 0 ? idle : more).add(app.turn);
    else setAside(app);
  };
  /** Lanes whose time has come are due; the time of the others. */
  const ripen = (state: RouteState, now: number): number => {
    let next = NEVER;
    for (const lane of state.lanes) {
      if (lane.nextAt === null) continue;
      if (lane.nextAt > now) next = Math.min(next, lane.nextAt);
      else {
        lane.due = true;
        lane.nextAt = null;
      }
    }
    return next;
  };
  const count = (state: RouteState, open: boolean, first: boolean, retry: boolean): void => {
    const { app, due } = state;
    app.open += Number(open) - Number(state.open);
    app.dueIn[0] += Number(first) - Number(due[0]);
    app.dueIn[1] += Number(retry) - Number(due[1]);
    state.open = open;
    due[0] = first;
    due[1] = retry;
  };
  const look = (state: RouteState, now: number): void => {
    let wake = ripen(state, now);
    const waiting = isWaiting(state);
    const cause = waiting || activeOf(state) > 0 || state.parked !== null ? parkedNow(state, now) : null;
    if (waiting && cause !== null) wake = Math.min(wake, expire(state, now));
    if (waiting && cause === "breaker_open") {
      wake = Math.min(wake, now + Math.max(1, state.route?.retryAfterMs(now) ?? TRIAL_MS));
    }
    const rests = state.restUntil > now;
    if (waiting && rests) wake = Math.min(wake, state.restUntil);
    const [first, retry] = state.lanes;
    const open = cause === null && !rests && (isDue(first) || isDue(retry));
    count(state, open, open && isDue(first), open && isDue(retry));
    state.app.ready.place(state, open && first.buffer.length > 0, open && retry.buffer.length > 0);
    if (cause === null && (first.due || retry.due)) hungry.add(state.hungry);
    else hungry.delete(state.hungry);
    routeWakes.set(state, wake);
    place(state.app, now);
  };

  return {
    idle,
    more,
    hungry,
    get busyApps() {
      return busyApps;
    },
    touch: (state) => touched.add(state.touched),
    look,
    round(now) {
      for (let state = routeWakes.take(now); state !== undefined; state = routeWakes.take(now))
        touched.add(state.touched);
      for (let app = appWakes.take(now); app !== undefined; app = appWakes.take(now)) place(app, now);
      for (let state = touched.shift(); state !== undefined; state = touched.shift()) look(state, now);
    },
    place,
    setAside,
    served({ turn }) {
      if (more.delete(turn)) more.add(turn);
    },
    next: () => Math.min(routeWakes.next(), appWakes.next()),
  };
}
