import type { PeerStanding } from "../core/peer.ts";
import { isProven, isWell, type Rules, troubleOf } from "./failover.judge.ts";
import {
  type Away,
  away,
  back,
  followed,
  type Member,
  notWell,
  type Returning,
  type Serving,
  setBack,
} from "./failover.period.ts";
import type { Signs } from "./failover.signs.ts";

/**
 * Which upstreams of an app serve: a pure machine, `(state, event, now, rules) → state`. The very same object comes
 * back when nothing changed. What is counted between transitions is kept by the shell in tallies and read here.
 *
 * Each upstream is `serving`, `away` from the first trigger on, or `returning`: well for the hold, and tried with single
 * requests. Each period has a generation, so that a late result of an older one changes nothing. Times are monotonic
 * milliseconds.
 */

export interface FailoverState {
  /** In the order of the manifest. */
  readonly members: readonly Member[];
  /** The one that an operator chose; -1 for none. */
  readonly pin: number;
}

export type FailoverEvent =
  /** Something was counted that may have changed things. */
  | { readonly type: "signs"; readonly member: number; readonly signs: Signs }
  /** `trying`: a request is being tried on it. */
  | { readonly type: "probe"; readonly member: number; readonly signs: Signs; readonly trying: boolean }
  /** Its oldest request is over its limit, and a probe failed. */
  | { readonly type: "hang"; readonly member: number }
  /** A request that was tried on it while it was returning. */
  | {
      readonly type: "trial";
      readonly member: number;
      readonly generation: number;
      readonly good: boolean;
      /** null for an asynchronous job. */
      readonly ms: number | null;
    }
  /** Another replica moved it. */
  | { readonly type: "peer"; readonly member: number; readonly peer: PeerStanding }
  /** An operator did it; `peer`: of another replica, whose word of how the upstream stands comes by itself. */
  | { readonly type: "pin"; readonly member: number; readonly peer: boolean }
  | { readonly type: "release" };

/** All serve, nothing is pinned. */
export function initialState(count: number, rules: Rules, now: number): FailoverState {
  const serving: Serving = {
    kind: "serving",
    generation: 1,
    since: now,
    holdMs: rules.failover.recovery.holdMs,
    returnedAt: null,
  };
  return { members: Array.from({ length: count }, () => serving), pin: -1 };
}

/** The transition function. */
export function next(state: FailoverState, event: FailoverEvent, now: number, rules: Rules): FailoverState {
  switch (event.type) {
    case "pin":
      return pinned(state, event.member, event.peer, now);
    case "release":
      return state.pin < 0 ? state : { ...state, pin: -1 };
  }
  const member = state.members[event.member];
  if (member === undefined) return state;
  const changed =
    event.type === "peer" ? followed(member, event.peer, now, rules) : advance(state, member, event, now, rules);
  if (changed === member) return state;
  return relieved({ ...state, members: state.members.with(event.member, changed) }, now, rules);
}

/** Where the last one that served has gone, one that was well for its hold has nothing left to prove. */
function relieved(state: FailoverState, now: number, rules: Rules): FailoverState {
  if (state.members.some(({ kind }) => kind === "serving")) return state;
  let best = -1;
  for (const [i, { kind }] of state.members.entries()) {
    if (kind === "returning" && (best < 0 || rankOf(state, i, rules) < rankOf(state, best, rules))) best = i;
  }
  const member = state.members[best];
  return member?.kind !== "returning" ? state : { ...state, members: state.members.with(best, back(member, now)) };
}

/** What is preferred: smaller first. A pinned upstream comes before all. */
export function rankOf(state: FailoverState, member: number, { priorities }: Rules): number {
  return state.pin === member ? Number.NEGATIVE_INFINITY : (priorities[member] ?? 0);
}

/** The member that traffic goes to first, the first of equals; -1 where none serves. */
export function activeOf(state: FailoverState, rules: Rules): number {
  let best = -1;
  for (const [i, member] of state.members.entries()) {
    if (member.kind !== "serving") continue;
    if (best < 0 || rankOf(state, i, rules) < rankOf(state, best, rules)) best = i;
  }
  return best;
}

type MemberEvent = Exclude<FailoverEvent, { readonly type: "peer" | "pin" | "release" }>;

function advance(state: FailoverState, member: Member, event: MemberEvent, now: number, rules: Rules): Member {
  switch (member.kind) {
    case "serving": {
      if (event.type === "trial") return member;
      const cause = event.type === "hang" ? "hang" : troubleOf(event.signs, rules);
      return cause === null ? member : away(member, cause, now, rules);
    }
    case "away":
      return event.type === "probe" || event.type === "signs" ? recovering(state, member, event, now, rules) : member;
    case "returning":
      return tried(member, event, now, rules);
  }
}

function recovering(
  state: FailoverState,
  member: Away,
  event: Extract<MemberEvent, { readonly type: "probe" | "signs" }>,
  now: number,
  rules: Rules,
): Member {
  if (!isWell(event.signs, rules)) return member.wellSince === null ? member : { ...member, wellSince: null };
  // Only a probe speaks for now: without one, nobody knows how it went on.
  if (event.type !== "probe") return member;
  const wellSince = member.wellSince ?? now;
  if (now - wellSince < member.holdMs) return member.wellSince === wellSince ? member : { ...member, wellSince };
  const active = activeOf(state, rules);
  const own = state.members.indexOf(member);
  const { generation, since, holdMs, returnedAt, cause } = member;
  // Where no traffic would move to it, or there is nowhere to move a trial that fails, nothing need be tried.
  if (active < 0 || rankOf(state, own, rules) > rankOf(state, active, rules)) {
    return { kind: "serving", generation: generation + 1, since: now, holdMs, returnedAt: now };
  }
  return {
    kind: "returning",
    generation: generation + 1,
    since: now,
    cause,
    awaySince: since,
    holdMs,
    returnedAt,
    good: 0,
    timed: 0,
    sumMs: 0,
    probes: 0,
  };
}

function tried(member: Returning, event: MemberEvent, now: number, rules: Rules): Member {
  switch (event.type) {
    case "hang":
      return setBack(member, rules);
    case "signs":
      return troubleOf(event.signs, rules) === null ? member : setBack(member, rules);
    case "probe": {
      if (troubleOf(event.signs, rules) !== null || !isWell(event.signs, rules)) return notWell(member);
      // What comes of a request says more, and it may be that it hangs.
      if (event.trying) return member;
      const probes = member.probes + 1;
      const enough = probes >= rules.failover.recovery.successes || isProven(member, now, rules);
      return enough ? decided(member, now, rules) : { ...member, probes };
    }
    case "trial": {
      if (event.generation !== member.generation) return member;
      if (!event.good) return setBack(member, rules);
      const { good, timed, sumMs } = member;
      const took = event.ms === null ? { timed, sumMs } : { timed: timed + 1, sumMs: sumMs + event.ms };
      const then = { ...member, ...took, good: good + 1, probes: 0 };
      return isProven(then, now, rules) ? decided(then, now, rules) : then;
    }
  }
}

/** There were trials or probes enough, all good: back it comes, unless its requests took too long. */
function decided(member: Returning, now: number, rules: Rules): Serving | Away {
  const slow = member.sumMs > member.timed * rules.failover.recovery.maxResponseTimeMs;
  return slow ? setBack(member, rules) : back(member, now);
}

/** An operator knows better: what is pinned serves, however it stood, and nothing is tried on the others. */
function pinned(state: FailoverState, index: number, peer: boolean, now: number): FailoverState {
  if (state.members[index] === undefined) return state;
  const members = state.members.map((member, i): Member => {
    if (i !== index) return member.kind === "returning" ? notWell(member) : member;
    if (member.kind === "serving" || peer) return member;
    const { generation, holdMs, returnedAt } = member;
    return { kind: "serving", generation: generation + 1, since: now, holdMs, returnedAt };
  });
  return state.pin === index && members.every((one, i) => one === state.members[i]) ? state : { members, pin: index };
}
