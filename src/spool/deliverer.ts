import type { Clock, Timer } from "../core/clock.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { ParkCause, RouteName } from "../core/job.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import { createClaims } from "./claims.ts";
import { createEnding } from "./ending.ts";
import type { Pauses } from "./pauses.ts";
import type { Lease, LeasedJob, Spool } from "./port.ts";
import {
  type AppState,
  activeOf,
  createRouteState,
  type DeliveryRoute,
  type Held,
  isWaiting,
  type LaneState,
  type RouteState,
  type Sending,
} from "./route.ts";
import { laneMayStart, mayStart, routeMayStart, type Shares } from "./shares.ts";

/** Brings stored jobs to their apps: claims what is due, sends it, and tells the store what became of it. */
export interface Deliverer {
  /** The routes of a manifest, from now on. Jobs of others wait. */
  apply(routes: readonly DeliveryRoute[], settings: DelivererSettings): void;
  /** Reads what there is, and begins. */
  start(): Promise<void>;
  /** A job was put; `sends`: how often it had been sent before. */
  queued(job: RouteName & { readonly sends: number }): void;
  /** Something changed that routes were waiting for: a breaker, a pause, an operator's retry. */
  wake(app: string, capability: string | null): void;
  /** An operator ended these: what of them is leased and not sent yet is let go. */
  forget(ids: ReadonlySet<string>): void;
  /** The store was away: which leases we have must be said to it first. */
  unsure(): void;
  parked(app: string, capability: string): { readonly cause: ParkCause; readonly since: number } | null;
  /** Ends what is under way and gives all back. Twice is safe. */
  stop(): Promise<void>;
}

export interface DelivererSettings extends Shares {
  /** Jobs of one claim. */
  readonly batch: number;
}

export interface DelivererDeps {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly pauses: Pauses;
  readonly emit: (event: OutriggerEvent) => void;
  /** The wait before the n-th repeat. */
  readonly backoffMs: (retry: RetrySettings, n: number) => number;
}

/** A job that is out. */
export interface Flight {
  readonly job: LeasedJob;
  readonly state: RouteState;
  readonly lane: LaneState;
  readonly sending: Sending;
}

/** How long a route waits that had no memory, or no upstream that says when. */
const AGAIN_MS = 200;

export function createDeliverer(deps: DelivererDeps): Deliverer {
  const { clock, pauses, emit } = deps;
  const apps = new Map<string, AppState>();
  const flights = new Set<Flight>();
  let settings: DelivererSettings = { concurrency: 1, perApp: 1, batch: 1 };
  let total = 0;
  let running = false;
  let scheduled = false;
  let timer: Timer | null = null;
  let timerAt = Number.POSITIVE_INFINITY;
  let stopped: Promise<void> | null = null;

  const stateOf = ({ app, capability }: RouteName): RouteState => {
    let own = apps.get(app);
    if (own === undefined) {
      own = { name: app, routes: [], active: 0, turn: 0 };
      apps.set(app, own);
    }
    let state = own.routes.find((one) => one.capability === capability);
    if (state === undefined) {
      state = createRouteState(own, capability);
      own.routes.push(state);
    }
    return state;
  };
  const states = function* (): Iterable<RouteState> {
    for (const app of apps.values()) yield* app.routes;
  };
  const held = (): Lease[] => [
    ...[...flights].map(({ job }) => job.lease),
    ...[...states()].flatMap(({ lanes }) => lanes.flatMap(({ buffer }) => buffer.map(({ job }) => job.lease))),
    ...ending.leases(),
  ];
  const wakeAt = (at: number): void => {
    if (!running || at >= timerAt) return;
    if (timer !== null) clock.cancel(timer);
    timerAt = at;
    timer = clock.after(Math.max(0, at - clock.now()), onTimer, undefined);
  };
  const onTimer = (): void => {
    timer = null;
    timerAt = Number.POSITIVE_INFINITY;
    pump();
  };
  const soon = (): void => {
    if (scheduled || !running) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  };
  const ending = createEnding(deps, { flown: soon, gone: parkGone });
  const claims = createClaims(deps, { held, arrived: soon, wakeAt, dead: ending.expired });

  /** Three 410s in a row, as Standard Webhooks asks: nobody is there any more. */
  function parkGone(state: RouteState): void {
    const { app, capability } = state;
    state.gone = 0;
    pauses.set({ app: app.name, capability, cause: "gone", by: null, at: clock.wall() });
    soon();
  }

  /** Why the jobs of a route wait now; says so when it changes. */
  const parkedNow = (state: RouteState, now: number): ParkCause | null => {
    const { route, app, capability } = state;
    const pause = pauses.of(app.name, capability);
    const cause =
      route === null ? "no_route" : pause !== null ? pause.cause : route.admits(now) ? null : "breaker_open";
    // A half-open breaker that is trying somebody refuses the others for a moment: that is no news.
    const told = cause === "breaker_open" && state.parked === null && route?.retryAfterMs(now) === null ? null : cause;
    if (told !== state.parked) {
      const before = state.parked;
      state.parked = told;
      state.parkedAt = clock.wall();
      const about = { at: state.parkedAt, app: app.name, capability };
      if (told !== null) emit({ type: "route.parked", ...about, cause: told, ...(pause?.by && { by: pause.by }) });
      else if (before !== null) emit({ type: "route.resumed", ...about, cause: before });
    }
    return cause;
  };

  const startOne = (state: RouteState, lane: LaneState, now: number): boolean => {
    const route = state.route as DeliveryRoute;
    const next = lane.buffer[0] as Held;
    if (now - next.claimedAt >= next.job.expiresInMs) {
      lane.buffer.shift();
      ending.tooOld(state, lane, next.job);
      return true;
    }
    const waitMs = route.takeToken === null ? 0 : route.takeToken(now);
    if (waitMs > 0) {
      wakeAt(now + waitMs);
      return false;
    }
    const sending = route.send(next.job);
    if (sending === null) {
      wakeAt(now + AGAIN_MS);
      return false;
    }
    lane.buffer.shift();
    const flight: Flight = { job: next.job, state, lane, sending };
    flights.add(flight);
    lane.active++;
    state.app.active++;
    total++;
    void sending.done.then((sent) => {
      flights.delete(flight);
      lane.active--;
      state.app.active--;
      total--;
      ending.ended(flight, sent, next.claimedAt);
      soon();
    });
    return true;
  };

  /** Starts one job of the app, if it may. */
  const startFor = (app: AppState, busy: number, now: number): boolean => {
    if (!mayStart(app.active, total, busy, settings) || ending.behind()) return false;
    const ready = app.routes.filter(
      (state) => state.lanes.some(({ buffer }) => buffer.length > 0) && parkedNow(state, now) === null,
    );
    if (ready.length === 0) return false;
    app.turn++;
    const order = ready
      .map((state, i) => ({ state, turn: (i + app.turn) % ready.length }))
      .sort((a, b) => (a.state.route?.priority ?? 0) - (b.state.route?.priority ?? 0) || a.turn - b.turn);
    const dueIn = (i: 0 | 1): boolean => ready.some(({ lanes }) => lanes[i].buffer.length > 0);
    const activeIn = (i: 0 | 1): number => app.routes.reduce((sum, { lanes }) => sum + lanes[i].active, 0);
    for (const { state } of order) {
      if (!routeMayStart(activeOf(state), ready.length > 1, settings)) continue;
      for (const i of app.turn % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const lane = state.lanes[i];
        if (lane.buffer.length === 0 || !laneMayStart(activeIn(i), dueIn(i === 0 ? 1 : 0), settings)) continue;
        if (startOne(state, lane, now)) return true;
      }
    }
    return false;
  };

  const pump = (): void => {
    if (!running) return;
    const now = clock.now();
    const busy: AppState[] = [];
    for (const app of apps.values()) {
      let any = app.active > 0;
      for (const state of app.routes) {
        for (const lane of state.lanes) {
          if (lane.nextAt !== null && lane.nextAt <= now) {
            lane.due = true;
            lane.nextAt = null;
          } else if (lane.nextAt !== null) wakeAt(lane.nextAt);
        }
        if (isWaiting(state)) any = parkedNow(state, now) === null || any;
      }
      if (any) busy.push(app);
    }
    for (let progress = true; progress; ) {
      progress = false;
      for (const app of busy) if (startFor(app, busy.length, now)) progress = true;
    }
    for (const app of busy) {
      if (!mayStart(app.active, total, busy.length, settings) && app.active === 0) continue;
      for (const state of app.routes) if (parkedNow(state, now) === null) claims.refill(state, settings);
    }
    for (const state of states()) {
      if (state.route === null || !isWaiting(state) || state.parked !== "breaker_open") continue;
      wakeAt(now + Math.max(1, state.route.retryAfterMs(now) ?? AGAIN_MS));
    }
  };

  const stop = async (): Promise<void> => {
    running = false;
    if (timer !== null) clock.cancel(timer);
    const landing = [...flights].map(({ sending }) => sending.done);
    for (const { sending } of [...flights]) sending.abort();
    await Promise.all(landing);
    const back: Promise<unknown>[] = [];
    for (const state of states()) {
      for (const lane of state.lanes) for (const { job } of lane.buffer.splice(0)) back.push(ending.giveBack(job));
    }
    await Promise.all(back);
    await ending.stop();
  };

  return {
    apply(routes, next) {
      settings = next;
      for (const state of states()) state.route = null;
      for (const route of routes) stateOf(route).route = route;
      soon();
    },
    async start() {
      const { routes } = await deps.spool.survey();
      for (const found of routes) {
        const [first, retry] = stateOf(found).lanes;
        first.due = found.first > 0;
        retry.due = found.retry > 0;
      }
      running = true;
      pump();
    },
    queued(job) {
      const lane = stateOf(job).lanes[job.sends > 0 ? 1 : 0];
      if (lane.due) return;
      lane.due = true;
      soon();
    },
    wake(app, capability) {
      for (const state of apps.get(app)?.routes ?? []) {
        if (capability !== null && state.capability !== capability) continue;
        for (const lane of state.lanes) lane.due = true;
      }
      soon();
    },
    forget(ids) {
      for (const state of states()) {
        for (const lane of state.lanes) lane.buffer = lane.buffer.filter(({ job }) => !ids.has(job.lease.id));
      }
      for (const { job, sending } of flights) if (ids.has(job.lease.id)) sending.abort();
    },
    unsure() {
      claims.unsure();
      soon();
    },
    parked(app, capability) {
      const state = apps.get(app)?.routes.find((one) => one.capability === capability);
      const cause = state === undefined ? null : parkedNow(state, clock.now());
      return state === undefined || cause === null ? null : { cause, since: state.parkedAt };
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}
