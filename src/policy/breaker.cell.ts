import type { Clock } from "../core/clock.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { PeerBreaker } from "../core/peer.ts";
import type { BreakerSettings } from "../core/settings.route.ts";
import type { BreakerId, StoredBreaker } from "../core/stored.ts";
import { admits, type BreakerEvent, type BreakerState, initialState, next } from "./breaker.state.ts";
import { fromStored, toPeer, toStored, wallOf } from "./breaker.stored.ts";
import { type BreakerResult, clear, consecutiveFailures, count, createTally, slide } from "./breaker.tally.ts";

/** `admit` says no. */
export const REFUSED = -1;
/** A permit that is good for the call and counts nothing: a disabled breaker's, or one that only a dry run let pass. */
const UNCOUNTED = 0;
/** An operator's `trip` lasts at most this long: a forgotten one must end. */
export const TRIP_MAX_MS = 86_400_000;

const ADMIT: BreakerEvent = { type: "admit" };
const RESET: BreakerEvent = { type: "reset" };
const HASTEN: BreakerEvent = { type: "hasten" };

/** What operators see. `since` and `until` are Unix milliseconds; `until` is null unless open. */
export interface BreakerSnapshot extends BreakerId {
  readonly state: BreakerState["kind"];
  readonly since: number;
  readonly until: number | null;
  readonly consecutiveFailures: number;
  readonly windowTotal: number;
  readonly windowFailures: number;
  readonly generation: number;
  readonly reopenings: number;
  readonly dryRun: boolean;
  readonly enabled: boolean;
}

/** The breaker of one route and upstream. `now` is `Clock.now()`, passed in so that a request reads the clock once. */
export interface BreakerCell {
  readonly id: BreakerId;
  /** {@link REFUSED}, else a permit, which must be settled exactly once. Allocates nothing while closed. */
  admit(now: number): number;
  /** Would `admit` let a call through? Takes nothing: for choosing an upstream. */
  admits(now: number): boolean;
  /** Tells how the admitted call went; a permit of an older period is dropped. */
  settle(permit: number, result: BreakerResult, now: number): void;
  /** Is it on trial, or refusing: would a call that it admits now be the trial of a half-open breaker? */
  onTrial(): boolean;
  snapshot(now: number): BreakerSnapshot;
  /** Milliseconds until the next trial may start; null when it admits, or when only the running trial will tell. */
  retryAfterMs(now: number): number | null;
  /** Closes it and forgets its counts. `by` names the operator. */
  reset(by: string): void;
  /** An open one may begin its trial at once. */
  hasten(): void;
  /** Opens it for `forMs` (at most {@link TRIP_MAX_MS}), else for its usual recovery; false when it is disabled. */
  trip(by: string, forMs?: number): boolean;
}

/** A cell with what only its keeper may do. */
export interface KeptCell extends BreakerCell {
  /** Settings of a reload: they hold from the next event on. */
  update(settings: BreakerSettings): void;
  /** Takes over a stored state, unless the cell has already moved by itself. */
  restore(row: StoredBreaker): void;
  /** Takes over what another replica made of it; see the machine for `headStartMs`. */
  follow(peer: PeerBreaker, headStartMs: number): void;
  /** What others would take over; null where there is nothing to: it is closed, or switched off. */
  peer(): PeerBreaker | null;
}

export interface CellDeps {
  readonly clock: Clock;
  readonly emit: (event: OutriggerEvent) => void;
  /** Called at each transition, never on a timer. */
  readonly persist: (row: StoredBreaker) => void;
  /** Tells other replicas of a transition of this one, before it is emitted. `firm`: an operator made it. */
  readonly share?: (id: BreakerId, state: PeerBreaker, firm: boolean) => void;
}

/** The shell that holds one machine's state and its tally. */
export function createCell(id: BreakerId, initial: BreakerSettings, deps: CellDeps): KeptCell {
  const { clock } = deps;
  let settings = initial;
  let state: BreakerState = initialState(clock.now());
  let tally = createTally(settings, clock.now());

  const publish = (now: number, by: string | undefined, peer: boolean): void => {
    const row = toStored(id, state, consecutiveFailures(tally, now), now, clock.wall());
    deps.persist(row);
    if (!peer && settings.enabled) deps.share?.(id, toPeer(state, now), by !== undefined);
    deps.emit({
      type: `breaker.${state.kind === "open" ? "opened" : state.kind}`,
      at: row.savedAt,
      app: id.app,
      capability: id.capability,
      upstream: id.upstream,
      until: row.until,
      cause: state.cause,
      dryRun: settings.dryRun,
      ...(by === undefined ? {} : { by }),
      ...(peer && { peer }),
    });
  };

  /** Holds the new state; a change of kind, or an opening while open, is a transition that others hear of. */
  const move = (to: BreakerState, now: number, by?: string, peer = false): void => {
    const from = state;
    if (to === from) return;
    state = to;
    if (to.kind === "closed") clear(tally, now);
    if (to.kind !== from.kind || (to.kind === "open" && to.generation !== from.generation)) publish(now, by, peer);
  };

  return {
    id,
    admit(now) {
      if (state.kind === "closed") return settings.enabled ? state.generation : UNCOUNTED;
      const from = state;
      move(next(from, ADMIT, now, settings), now);
      if (state !== from) return state.generation;
      return settings.dryRun ? UNCOUNTED : REFUSED;
    },
    admits: (now) => settings.dryRun || admits(state, now, settings),
    settle(permit, result, now) {
      if (permit !== state.generation || !settings.enabled) return;
      count(tally, result, now);
      // A good or empty result leaves a closed breaker as it is: the machine need not be asked, nothing is allocated.
      if (state.kind === "closed" && result !== "bad") return;
      move(next(state, { type: "settle", permit, result, counts: tally }, now, settings), now);
    },
    // No getter: an object that has one is made as a table, larger and slower to look up than one with a shape.
    onTrial: () => state.kind !== "closed" && !settings.dryRun,
    snapshot(now) {
      const wall = clock.wall();
      slide(tally, now);
      return {
        ...id,
        state: state.kind,
        since: wallOf(state.since, now, wall),
        until: state.kind === "open" ? wallOf(state.until, now, wall) : null,
        consecutiveFailures: consecutiveFailures(tally, now),
        windowTotal: tally.total,
        windowFailures: tally.failures,
        generation: state.generation,
        reopenings: state.kind === "closed" ? 0 : state.reopenings,
        dryRun: settings.dryRun,
        enabled: settings.enabled,
      };
    },
    retryAfterMs(now) {
      if (state.kind !== "open" || settings.dryRun) return null;
      return state.until > now ? state.until - now : null;
    },
    reset(by) {
      const now = clock.now();
      move(next(state, RESET, now, settings), now, by);
    },
    hasten() {
      const now = clock.now();
      move(next(state, HASTEN, now, settings), now);
    },
    trip(by, forMs) {
      if (!settings.enabled) return false;
      const now = clock.now();
      const bounded = forMs === undefined ? null : Math.min(Math.max(forMs, 0), TRIP_MAX_MS);
      move(next(state, { type: "trip", forMs: bounded }, now, settings), now, by);
      return true;
    },
    update(changed) {
      if (changed === settings) return;
      const now = clock.now();
      const { windowMs, enabled } = settings;
      settings = changed;
      if (changed.windowMs !== windowMs) {
        const { consecutive, lastAt } = tally;
        tally = createTally(changed, now);
        tally.consecutive = consecutive;
        tally.lastAt = lastAt;
      }
      // Switched off, it must not stand open in a metric or an alert; and what ran before counts for nothing after.
      if (enabled && !changed.enabled) move(next(state, RESET, now, settings), now);
    },
    restore(row) {
      if (state.cause !== "start" || !settings.enabled) return;
      const now = clock.now();
      const restored = fromStored(row, state.generation + 1, now, clock.wall(), settings);
      if (restored === null) return;
      tally.consecutive = row.consecutiveFailures;
      tally.lastAt = now;
      move(restored, now);
    },
    follow(peer, headStartMs) {
      if (!settings.enabled) return;
      const now = clock.now();
      move(next(state, { type: "peer", peer, headStartMs }, now, settings), now, undefined, true);
    },
    peer: () => (state.kind === "closed" || !settings.enabled ? null : toPeer(state, clock.now())),
  };
}
