import type { Clock } from "../core/clock.ts";
import type { Attempt, Exchange, Reply, Worth } from "../core/exchange.ts";
import { fault } from "../core/fault.ts";
import { type BreakerCell, breakerResult } from "./breaker.ts";
import type { RetryBudget } from "./budget.ts";
import type { Bulkhead } from "./bulkhead.ts";
import type { Target } from "./choose.ts";
import type { HealthCell } from "./failover.cell.ts";
import type { HangWatch } from "./failover.hang.ts";
import { leave, type Place, type Waiting } from "./failover.waiting.ts";

/** What one upstream brings to a route: state shared by its routes, and the way to it. */
export interface TargetParts {
  readonly name: string;
  readonly weight: number;
  /** Of this upstream, over all routes. */
  readonly health: HealthCell;
  /** Where requests that wait are watched; null for an upstream without a backup: there is nowhere to move. */
  readonly watched: Watched | null;
  /** Of this route and upstream. */
  readonly breaker: BreakerCell;
  /** Of this upstream, over all routes. */
  readonly slots: Bulkhead;
  readonly budget: RetryBudget;
  /** Percent, of this route. */
  readonly budgetPercent: number;
  /** One try on the wire. It calls `leave` of the slots exactly once, when the last byte of it is done with. */
  readonly send: (x: Exchange) => Promise<Reply>;
  readonly worthOf: (reply: Reply) => Worth;
}

/** Requests of one route that wait for one upstream. */
export interface Watched {
  readonly watch: HangWatch;
  readonly waiting: Waiting;
  /** May a try that was given up be repeated at all, by `retry.transient`? */
  readonly movable: boolean;
}

/** The order inside one upstream: breaker, then a slot, then the try, whose result settles the breaker. */
export function createTarget(parts: TargetParts, clock: Clock): Target {
  const { breaker, slots, budget, health } = parts;
  return {
    name: parts.name,
    health,
    weight: parts.weight,
    admits: (now) => breaker.admits(now),
    onTrial: () => breaker.onTrial(),
    retryAfterMs: (now) => breaker.retryAfterMs(now),
    sent: (now) => budget.sent(now),
    mayRepeat: (now) => budget.tryRetry(now, parts.budgetPercent),
    repeatEnded: () => budget.retryEnded(),
    send: async (x) => {
      let startedAt = clock.now();
      const permit = breaker.admit(startedAt);
      if (permit < 0) {
        return fault("breaker_open", `the circuit breaker of upstream ${parts.name} is open`, {
          upstream: parts.name,
          retryAfterMs: breaker.retryAfterMs(startedAt),
        });
      }
      x.trial = breaker.onTrial();
      const stand = health.admit(true);
      const place = parts.watched !== null && x.lane === "sync" ? watchOver(parts.watched, x, startedAt) : null;
      if (!slots.tryEnter()) {
        if (place !== null) waitsForSlot(place);
        const refused = await waitForSlot(parts, clock, x, place);
        if (refused !== null) {
          breaker.settle(permit, "none", clock.now());
          health.settle(stand, "none", null, clock.now());
          if (place !== null) leave(place);
          return refused;
        }
        startedAt = clock.now();
        if (place !== null) parts.watched?.watch.sent(place, startedAt, mayMove(parts.watched, x));
      }
      const reply = await parts.send(x);
      const endedAt = clock.now();
      const worth = parts.worthOf(reply);
      const result = breakerResult(worth, reply.kind === "answer" ? reply.status : 0);
      breaker.settle(permit, result, endedAt);
      health.settle(stand, result, x.lane === "sync" ? endedAt - startedAt : null, endedAt);
      if (place !== null) {
        leave(place);
        if (reply.kind === "answer") place.waiting.normal.add(endedAt - startedAt, endedAt);
      }
      const attempt = attemptOf(x, parts.name, reply, worth, startedAt, endedAt);
      if (result === "bad") health.failed(attempt, endedAt);
      x.attempts.push(attempt);
      return reply;
    },
  };
}

function watchOver(watched: Watched, x: Exchange, now: number): Place {
  return watched.watch.enter(watched.waiting, x, now, mayMove(watched, x));
}

function mayMove(watched: Watched | null, x: Exchange): boolean {
  return x.repeatable && watched?.movable === true;
}

/** Nothing is written yet, so any may leave; and the app does not keep it waiting. */
function waitsForSlot(place: Place): void {
  place.sentAt = Number.POSITIVE_INFINITY;
  place.movable = true;
}

async function waitForSlot(parts: TargetParts, clock: Clock, x: Exchange, place: Place | null): Promise<Reply | null> {
  const from = clock.now();
  const entered = await parts.slots.wait(x, x.deadlineAt - from, clock, x.lane);
  const now = clock.now();
  x.waitedMs += now - from;
  // The time of this try was set before the wait.
  x.tryMs = Math.min(x.tryMs, x.deadlineAt - now);
  switch (entered) {
    case "entered":
      // The slot may have come in the very turn in which time ran out, the caller left, or all that waited moved on: who
      // moves before this one frees slots.
      if (x.tryMs >= 1 && !x.gone && place?.listed !== false) return null;
      parts.slots.leave();
      if (x.gone) return LEFT;
      return place?.listed === false ? movesOn(parts) : noSlotInTime(parts);
    case "gone":
      return LEFT;
    case "full":
      return fault("overload", `all slots of upstream ${parts.name} are taken and its queue is full`, {
        upstream: parts.name,
        retryAfterMs: 1000,
      });
    case "timeout":
      return noSlotInTime(parts);
    case "moved":
      return movesOn(parts);
  }
}

const LEFT = fault("reset", "the caller went away", { aborted: true });

function movesOn({ name }: TargetParts): Reply {
  return fault("overload", `upstream ${name} hangs: the request moves on`, { upstream: name });
}

function noSlotInTime({ name }: TargetParts): Reply {
  return fault("overload", `no slot of upstream ${name} became free in time`, { upstream: name, retryAfterMs: 1000 });
}

function attemptOf(
  x: Exchange,
  upstream: string,
  reply: Reply,
  worth: Worth,
  startedAt: number,
  endedAt: number,
): Attempt {
  return {
    n: x.sentBefore + x.attempts.length,
    upstream,
    worth,
    reason: reply.reason,
    status: reply.kind === "fault" ? 0 : reply.status,
    startedAt,
    durationMs: endedAt - startedAt,
    detail: reply.kind === "substitute" ? null : reply.detail,
  };
}
