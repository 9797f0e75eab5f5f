import type { Agenda } from "./agenda.ts";
import type { Buffers } from "./buffers.ts";
import type { Flight } from "./deliverer.ts";
import type { Ending } from "./ending.ts";
import { createFlights } from "./flights.ts";
import type { ParkedNow } from "./parking.ts";
import type { Want } from "./ready.ts";
import { type AppState, activeOf, type DeliveryRoute, type Held, type RouteState } from "./route.ts";
import { laneMayStart, mayStart, routeMayStart, type Shares } from "./shares.ts";

/** Puts jobs that are leased on their way, as far as shares, pace and memory allow. */
export interface Starts {
  /** Starts all that may be. */
  all(shares: Shares, now: number): void;
  readonly flights: Iterable<Flight>;
  isOut(id: string): boolean;
}

interface Told {
  readonly parkedNow: ParkedNow;
  readonly wakeAt: (at: number) => void;
  readonly landed: (state: RouteState) => void;
  /** The app of our own jobs. */
  readonly own: AppState;
}

/** For our own jobs. One channel has one job out at a time, so that one that hangs leaves the others theirs. */
const OWN_SHARES: Shares = { concurrency: 64, perApp: 64 };
/** How long a job waits that found no memory. */
const NO_MEMORY_MS = 200;
/** So many may find none in one round: it is short, and those behind them are tried in the next. */
const MAX_REFUSED = 16;

export function createStarts(agenda: Agenda, buffers: Buffers, ending: Ending, told: Told): Starts {
  const flights = createFlights();
  /** Of our own jobs, which hold no slot of an app's. */
  const ownFlights = createFlights();
  const { own } = told;
  /** Routes that found no memory in this round. */
  const refused = new Set<RouteState>();

  const fly = (state: RouteState, lane: 0 | 1, { claimedAt }: Held, flight: Flight): void => {
    const { app } = state;
    const move = (by: 1 | -1): void => {
      state.lanes[lane].active += by;
      app.activeIn[lane] += by;
      app.active += by;
    };
    const among = app === own ? ownFlights : flights;
    const out = among.add(flight);
    move(1);
    void flight.sending.done.then((sent) => {
      among.delete(out);
      move(-1);
      ending.ended(flight, sent, claimedAt);
      told.landed(state);
    });
  };
  const start = (state: RouteState, i: 0 | 1, now: number): void => {
    const { app } = state;
    const lane = state.lanes[i];
    const route = state.route as DeliveryRoute;
    const next = lane.buffer[0];
    if (next !== undefined && now - next.claimedAt >= next.job.expiresInMs) {
      buffers.shift(lane);
      ending.tooOld(state, next.job);
    } else if (next !== undefined && told.parkedNow(state, now) === null) {
      if (!route.fits(next.job)) {
        refused.add(state);
        app.ready.served(state, i);
        return;
      }
      // Taken last: nothing is in its way any more.
      const waitMs = route.takeToken === null ? 0 : route.takeToken(now);
      if (waitMs > 0) {
        app.pacedUntil = now + waitMs;
        return agenda.place(app, now);
      }
      buffers.shift(lane);
      const { job } = next;
      fly(state, i, next, { job, state, lane, sending: route.send(job), since: now });
      app.ready.served(state, i);
      agenda.served(app);
    }
    agenda.look(state, now);
  };
  let shares = OWN_SHARES;
  const want: Want = {
    first: false,
    retry: false,
    paced: false,
    may: (state) => !refused.has(state) && routeMayStart(activeOf(state), state.app.open > 1, shares),
  };
  /** One of the app, if there is one that may. */
  const one = (app: AppState, settings: Shares, now: number): void => {
    shares = app === own ? OWN_SHARES : settings;
    want.first = laneMayStart(app.activeIn[0], app.dueIn[1] > 0, shares);
    want.retry = laneMayStart(app.activeIn[1], app.dueIn[0] > 0, shares);
    want.paced = app.pacedUntil <= now;
    const found = app.ready.pick(want);
    if (found === null) agenda.setAside(app);
    else start(found.state, found.lane, now);
  };
  /** Whose turn it is. One with nothing under way always has one slot. */
  const nextApp = (shares: Shares): AppState | null => {
    if (agenda.idle.first !== null) return agenda.idle.first.value;
    if (agenda.more.has(own.turn)) {
      if (own.active < OWN_SHARES.perApp) return own;
      agenda.setAside(own);
    }
    const busyApps = agenda.busyApps - (own.active > 0 || own.open > 0 ? 1 : 0);
    // One alone has all the slots that there are: nobody else needs them.
    const total = busyApps > 1 ? flights.holding(shares.concurrency) : flights.size;
    if (total >= shares.concurrency) return null;
    for (let turn = agenda.more.first; turn !== null; ) {
      const app = turn.value;
      turn = turn.after;
      if (app.active >= shares.perApp) agenda.setAside(app);
      else if (mayStart(app.active, total, busyApps - flights.hanging, shares)) return app;
    }
    return null;
  };

  const all: Iterable<Flight> = {
    *[Symbol.iterator]() {
      yield* flights.all;
      yield* ownFlights.all;
    },
  };
  return {
    flights: all,
    isOut(id) {
      for (const { job } of all) if (job.lease.id === id) return true;
      return false;
    },
    all(shares, now) {
      flights.age(now);
      while (refused.size < MAX_REFUSED && !ending.behind()) {
        const app = nextApp(shares);
        if (app === null) break;
        one(app, shares, now);
      }
      // Somebody waits, and a slot is free as soon as one has been out for long.
      if (agenda.more.size > 0) told.wakeAt(flights.next());
      if (refused.size === 0) return;
      told.wakeAt(now + NO_MEMORY_MS);
      // Whoever lands next may have left some.
      for (const state of refused) agenda.touch(state);
      refused.clear();
    },
  };
}
