import type { Clock, Timer } from "../core/clock.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { ParkCause, RouteName } from "../core/job.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import { createAgenda } from "./agenda.ts";
import { createBuffers } from "./buffers.ts";
import { createClaims } from "./claims.ts";
import { createEnding } from "./ending.ts";
import type { GoneCounts } from "./gone.ts";
import { createParking } from "./parking.ts";
import type { Pauses } from "./pauses.ts";
import type { Lease, LeasedJob, Spool } from "./port.ts";
import { createRegistry } from "./registry.ts";
import { type DeliveryRoute, heldBytes, isWaiting, type LaneState, type RouteState, type Sending } from "./route.ts";
import type { Shares } from "./shares.ts";
import { createStarts } from "./starts.ts";
import type { Verification, Verifier } from "./verifier.ts";

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
  /** Others have these by now, or may have: what of them is not sent yet is let go. */
  lost(ids: ReadonlySet<string>): void;
  /** The store was away: which leases we have must be said to it first. */
  unsure(): void;
  /** Is this one out, on its way to its app? */
  isOut(id: string): boolean;
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
  readonly gone: GoneCounts;
  readonly emit: (event: OutriggerEvent) => void;
  /** The wait before the n-th repeat. */
  readonly backoffMs: (retry: RetrySettings, n: number) => number;
  /** Who asks after good answers. It has leases of its own. */
  readonly verifier: Pick<Verifier, "begun" | "leases">;
  /** A good answer could not be asked about. */
  readonly verified: (end: Verification) => void;
}

/** A job that is out. */
export interface Flight {
  readonly job: LeasedJob;
  readonly state: RouteState;
  readonly lane: LaneState;
  readonly sending: Sending;
  /** `Clock.now()`. */
  readonly since: number;
}

/** So much of bodies a route may keep here while its breaker is open. */
const PARKED_BYTES = 1024 * 1024;

export function createDeliverer(deps: DelivererDeps): Deliverer {
  const { spool, clock, pauses } = deps;
  const registry = createRegistry();
  const buffers = createBuffers();
  let settings: DelivererSettings = { concurrency: 1, perApp: 1, batch: 1 };
  let running = false;
  let scheduled = false;
  let timer: Timer | null = null;
  let timerAt = Number.POSITIVE_INFINITY;
  let stopped: Promise<void> | null = null;

  const soon = (): void => {
    if (scheduled || !running) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  };
  const touch = (state: RouteState): void => {
    agenda.touch(state);
    soon();
  };
  const dueAgain = (state: RouteState): void => {
    for (const lane of state.lanes) lane.due = true;
    state.restUntil = 0;
    touch(state);
  };
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
  /** Three 410s in a row, as Standard Webhooks asks: nobody is there any more. */
  const parkGone = (state: RouteState): void => {
    deps.gone.clear(state.key);
    pauses.set({ app: state.app.name, capability: state.capability, cause: "gone", by: null, at: clock.wall() });
    // Said now: it may have no further job.
    parkedNow(state, clock.now());
  };
  /** Of two leases of one job the later counts: the earlier has ended, though the store's word on it was lost. */
  const held = (): Lease[] => [
    ...deps.verifier.leases(),
    ...ending.leases(),
    ...[...starts.flights].map(({ job }) => job.lease),
    ...[...buffers.lanes.keys()].flatMap(({ buffer }) => buffer.map(({ job }) => job.lease)),
  ];
  const parkedNow = createParking(deps, (state, cause) => {
    // They can expire there, and hold no memory that others want. A breaker is open for a short while only.
    if (cause !== null && (cause !== "breaker_open" || heldBytes(state) > PARKED_BYTES)) letGo(state, () => true);
    touch(state);
  });
  const ending = createEnding(deps, buffers, { settled: touch, gone: parkGone });
  const agenda = createAgenda({ parkedNow, expire: (state, now) => endOld(state, now) });
  /** Routes with an open breaker keep a little here each, but so many of them must not starve all others. */
  const tight = (): void => {
    const now = clock.now();
    for (const state of buffers.lanes.values()) if (parkedNow(state, now) !== null) letGo(state, () => true);
  };
  const told = { held, arrived: touch, sure: soon, wakeAt, dead: ending.expired, unwanted: ending.giveBack, tight };
  const claims = createClaims(deps, buffers, told);
  const starts = createStarts(agenda, buffers, ending, { parkedNow, wakeAt, landed: touch, own: registry.own });

  const pump = (): void => {
    if (!running) return;
    const now = clock.now();
    agenda.round(now);
    starts.all(settings, now);
    const { hungry } = agenda;
    for (let next = hungry.first; next !== null; next = hungry.first) {
      if (!claims.refill(next.value, settings)) break;
      hungry.delete(next);
    }
    wakeAt(agenda.next());
  };

  /** The store expires none that is leased; and none of these will have a slot soon. */
  const endOld = (state: RouteState, now: number): number => {
    let next = Number.POSITIVE_INFINITY;
    for (const lane of state.lanes) {
      const old = buffers.take(lane, ({ job, claimedAt }) => now - claimedAt >= job.expiresInMs);
      for (const { job } of old) ending.tooOld(state, job);
      for (const { job, claimedAt } of lane.buffer) next = Math.min(next, claimedAt + job.expiresInMs);
    }
    return next;
  };
  /** Gives back what waits here for a slot. */
  const letGo = (state: RouteState, which: (job: LeasedJob) => boolean): void => {
    for (const lane of state.lanes) {
      for (const { job } of buffers.take(lane, ({ job }) => which(job))) ending.giveBack(state, job);
    }
  };
  const stop = async (): Promise<void> => {
    running = false;
    if (timer !== null) clock.cancel(timer);
    ending.stopping();
    const landing = [...starts.flights].map(({ sending }) => sending.done);
    for (const { sending } of [...starts.flights]) sending.abort();
    // What was asked for still comes, and is ours then.
    await Promise.all([...landing, claims.stop()]);
    for (const state of buffers.lanes.values()) letGo(state, () => true);
    await ending.stop();
  };

  return {
    apply(routes, next) {
      settings = next;
      for (const state of registry.all()) state.route = null;
      for (const route of routes) registry.state(route, route.key).route = route;
      for (const state of registry.all()) {
        // There may be another limit, or none.
        state.app.pacedUntil = 0;
        // Of thousands of routes most have no job.
        if (isWaiting(state)) agenda.touch(state);
      }
      soon();
    },
    async start() {
      const { routes } = await spool.survey();
      for (const found of routes) {
        const state = registry.state(found);
        // More may have been put since the store looked.
        state.lanes[0].due ||= found.first > 0;
        state.lanes[1].due ||= found.retry > 0;
        agenda.touch(state);
      }
      if (stopped !== null) return;
      running = true;
      pump();
    },
    queued(job) {
      const state = registry.state(job);
      const lane = state.lanes[job.sends > 0 ? 1 : 0];
      if (lane.due) return;
      lane.due = true;
      touch(state);
    },
    wake(app, capability) {
      for (const state of registry.of(app)) {
        if (capability === null || state.capability === capability) dueAgain(state);
      }
    },
    forget(ids) {
      // Told to the store, where it has ended or soon will: if that fails, it is due like any other.
      for (const state of buffers.lanes.values()) letGo(state, (job) => ids.has(job.lease.id));
      claims.forget(ids);
      for (const { job, sending } of starts.flights) if (ids.has(job.lease.id)) sending.abort();
    },
    lost(ids) {
      for (const state of buffers.lanes.values()) letGo(state, (job) => ids.has(job.lease.id));
    },
    unsure() {
      claims.unsure();
      ending.again();
      // A put may have been kept whose answer was lost.
      for (const state of registry.all()) dueAgain(state);
    },
    isOut: starts.isOut,
    parked(app, capability) {
      const state = registry.find(app, capability);
      if (state === undefined) return null;
      parkedNow(state, clock.now());
      return state.parked === null ? null : { cause: state.parked, since: state.parkedAt };
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}
