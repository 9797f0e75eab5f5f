import type { Exchange, Reply } from "../core/exchange.ts";
import { type Fault, fault } from "../core/fault.ts";
import type { Random } from "../core/random.ts";

/** One upstream of a route, as retry and choose see it. */
export interface Target {
  readonly name: string;
  /** Smaller is preferred. */
  readonly priority: number;
  readonly weight: number;
  /** Would its breaker let a call through now? Takes no permit. */
  admits(now: number): boolean;
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

/** What choosing looks at. */
export type Candidate = Pick<Target, "priority" | "weight" | "admits">;

/**
 * Picks the upstream of the next try: usable and untried by priority, then by weight; then usable and tried.
 * Bits in `over` are upstreams on which the tries of this request have ended. Returns its index, or -1 where every
 * breaker is open. One upstream, the common case, costs one comparison.
 */
export function choose(targets: readonly Candidate[], tried: number, now: number, random: Random, over = 0): number {
  if (targets.length === 1) return over === 0 && (targets[0] as Candidate).admits(now) ? 0 : -1;
  const fresh = pick(targets, (i) => ((tried | over) & (1 << i)) === 0, now, random);
  return fresh >= 0 ? fresh : pick(targets, (i) => (tried & ~over & (1 << i)) !== 0, now, random);
}

/** How many usable upstreams this request has not tried. */
export function untriedCount(targets: readonly Candidate[], tried: number, now: number): number {
  if (targets.length === 1) return tried === 0 && (targets[0] as Candidate).admits(now) ? 1 : 0;
  let count = 0;
  for (let i = 0; i < targets.length; i++) {
    if ((tried & (1 << i)) === 0 && (targets[i] as Candidate).admits(now)) count++;
  }
  return count;
}

function pick(targets: readonly Candidate[], wanted: (i: number) => boolean, now: number, random: Random): number {
  let best = Number.POSITIVE_INFINITY;
  let total = 0;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i] as Candidate;
    if (!wanted(i) || target.priority > best || !target.admits(now)) continue;
    if (target.priority < best) {
      best = target.priority;
      total = 0;
    }
    total += target.weight;
  }
  let draw = random.float() * total;
  let last = -1;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i] as Candidate;
    if (target.priority !== best || !wanted(i) || !target.admits(now)) continue;
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
