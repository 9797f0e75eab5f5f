import type { Exchange, Reply } from "../core/exchange.ts";
import { type Fault, fault } from "../core/fault.ts";
import type { Random } from "../core/random.ts";
import type { HealthCell } from "./failover.cell.ts";

/** One upstream of a route, as retry and choose see it. */
export interface Target {
  readonly name: string;
  readonly weight: number;
  readonly health: Standpoint;
  /** Would its breaker let a call through now? Takes no permit. */
  admits(now: number): boolean;
  /** Is its breaker on trial, or refusing: would a call that it admits now be a trial? */
  onTrial(): boolean;
  /** When it is known when a refusing breaker admits again: milliseconds from now. */
  retryAfterMs(now: number): number | null;
  /** One try through breaker, slot and wire. */
  send(x: Exchange): Promise<Reply>;
  /** Books a send on the retry budget of the upstream. */
  sent(now: number): void;
  /** Asks the budget for a repeat; true spends one, until {@link repeatEnded}. */
  mayRepeat(now: number): boolean;
  repeatEnded(): void;
}

/** How it stands in its app, and what is preferred. */
export type Standpoint = Pick<HealthCell, "serving" | "returning" | "trying" | "rank" | "failures">;

/** What choosing looks at. */
export type Candidate = Pick<Target, "weight" | "health" | "admits">;

/** The request that an upstream is chosen for. */
export interface Chooser {
  /** Bit i is set once upstream i was tried. */
  readonly tried: number;
  /** Only such a request may be tried on an upstream that is to come back: should it fail, it moves on. */
  readonly repeatable: boolean;
}

/**
 * Picks the upstream of the next try. One that is returning takes one request at a time; then come those that serve and
 * whose breaker admits: untried by preference, then by weight; then tried. Where none serves at all, whatever a
 * breaker admits is better than nothing (panic): the one with the fewest failures in a row. Bits in `over` are
 * upstreams on which the tries of this request have ended. Returns its index, or -1 where every breaker is open.
 * One upstream, the common case, costs one comparison.
 */
export function choose(targets: readonly Candidate[], x: Chooser, now: number, random: Random, over = 0): number {
  if (targets.length === 1) return over === 0 && (targets[0] as Candidate).admits(now) ? 0 : -1;
  const usable = usableBits(targets, now);
  const { tried } = x;
  if (x.repeatable && usable.serving) {
    const trial = targets.findIndex(
      ({ health }, i) => health.returning && !health.trying && ((tried | over) & (1 << i)) === 0,
    );
    if (trial >= 0 && (targets[trial] as Candidate).admits(now)) return trial;
  }
  const fresh = usable.bits & ~(tried | over);
  if (fresh !== 0) return pick(targets, fresh, usable.serving, random);
  const again = usable.bits & tried & ~over;
  return again === 0 ? -1 : pick(targets, again, usable.serving, random);
}

/** How many usable upstreams this request has not tried. */
export function untriedCount(targets: readonly Candidate[], tried: number, now: number): number {
  if (targets.length === 1) return tried === 0 && (targets[0] as Candidate).admits(now) ? 1 : 0;
  let count = 0;
  for (let bits = usableBits(targets, now).bits & ~tried; bits !== 0; bits &= bits - 1) count++;
  return count;
}

/** One that does not serve is tried for want of another, and may well fail; one upstream alone serves, however it is. */
export function isVain(targets: readonly Pick<Candidate, "health">[], index: number): boolean {
  return targets.length > 1 && targets[index]?.health.serving === false;
}

/** Is there one that a request could go to now? */
export function anyUsable(targets: readonly Pick<Candidate, "health" | "admits">[], now: number): boolean {
  return targets.length === 1 ? targets[0]?.admits(now) === true : usableBits(targets, now).bits !== 0;
}

/**
 * Would a call that one of them takes now be a trial? Where none takes any: the next that one takes. So is a call to
 * one that does not serve and failed last: its breaker may have seen no call yet.
 */
export function onlyTrials(targets: readonly Pick<Target, "health" | "admits" | "onTrial">[], now: number): boolean {
  const { bits } = usableBits(targets, now);
  return targets.every(
    (target, i) =>
      (bits !== 0 && (bits & (1 << i)) === 0) || target.onTrial() || (isVain(targets, i) && target.health.failures > 0),
  );
}

/**
 * Those that serve and whose breaker admits. Where none serves, whatever its breaker says, all whose breaker admits:
 * one that is away is no way round an open breaker.
 */
function usableBits(
  targets: readonly Pick<Candidate, "health" | "admits">[],
  now: number,
): { readonly bits: number; readonly serving: boolean } {
  let admitting = 0;
  let serving = 0;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i] as Candidate;
    if (target.health.serving) serving |= 1 << i;
    if (target.admits(now)) admitting |= 1 << i;
  }
  return serving === 0 ? { bits: admitting, serving: false } : { bits: serving & admitting, serving: true };
}

/** Among `bits`, which is not 0: by preference, then by weight. */
function pick(targets: readonly Candidate[], bits: number, serving: boolean, random: Random): number {
  const orderOf = ({ health }: Candidate): number => (serving ? health.rank : health.failures);
  let best = Number.POSITIVE_INFINITY;
  let total = 0;
  for (let i = 0; i < targets.length; i++) {
    if ((bits & (1 << i)) === 0) continue;
    const target = targets[i] as Candidate;
    const order = orderOf(target);
    if (order > best) continue;
    if (order < best) total = 0;
    best = order;
    total += target.weight;
  }
  let draw = random.float() * total;
  let last = -1;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i] as Candidate;
    if ((bits & (1 << i)) === 0 || orderOf(target) !== best) continue;
    last = i;
    draw -= target.weight;
    if (draw < 0) return i;
  }
  return last;
}

/** The fault where no upstream admits: an open breaker for one upstream, `no_upstream` for several. */
export function nothingUsable(targets: readonly Pick<Target, "name" | "retryAfterMs">[], now: number): Fault {
  let soonest: number | null = null;
  for (const target of targets) {
    const ms = target.retryAfterMs(now);
    if (ms !== null && (soonest === null || ms < soonest)) soonest = ms;
  }
  const only = targets.length === 1 ? targets[0] : undefined;
  return only !== undefined
    ? fault("breaker_open", `the circuit breaker of upstream ${only.name} is open`, {
        upstream: only.name,
        retryAfterMs: soonest,
      })
    : fault("no_upstream", "the circuit breakers of all upstreams are open", { retryAfterMs: soonest });
}
