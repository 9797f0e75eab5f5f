import type { MoveReason } from "../core/health.ts";
import type { AppSettings } from "../core/settings.ts";
import type { Rules } from "./failover.judge.ts";
import type { Member } from "./failover.period.ts";
import { activeOf, type FailoverEvent, type FailoverState, rankOf } from "./failover.state.ts";

/** What one step of the machine means to whoever looks on. */
export interface Change {
  /** Which upstream stands otherwise now; null where only a pin was set or taken away. */
  readonly member: number | null;
  /** It serves from now on, or no longer; null where neither began. */
  readonly serves: boolean | null;
  /** Traffic moved with it. */
  readonly move: {
    readonly kind: "failover" | "failback";
    /** Indexes; -1 where there was or is none. */
    readonly from: number;
    readonly to: number;
    readonly reason: MoveReason;
    /** When it had gone away; null for one that goes now. */
    readonly since: number | null;
  } | null;
}

/** In the order of the manifest; a pin's comes last. */
export function changesOf(before: FailoverState, after: FailoverState, event: FailoverEvent, rules: Rules): Change[] {
  const changes: Change[] = [];
  for (const [i, member] of after.members.entries()) {
    const was = before.members[i] as Member;
    if (was.generation !== member.generation) changes.push(changeOf(before, after, i, event, rules));
  }
  if (event.type !== "pin" && event.type !== "release") return changes;
  const from = activeOf(before, rules);
  const to = activeOf(after, rules);
  if (from === to) return changes;
  const kind = from < 0 || (rules.priorities[to] ?? 0) <= (rules.priorities[from] ?? 0) ? "failback" : "failover";
  return [...changes, { member: null, serves: null, move: { kind, from, to, reason: "operator", since: null } }];
}

function changeOf(before: FailoverState, after: FailoverState, i: number, event: FailoverEvent, rules: Rules): Change {
  const was = before.members[i] as Member;
  const is = after.members[i] as Member;
  const from = activeOf(before, rules);
  if (is.kind !== "serving") {
    if (was.kind !== "serving") return { member: i, serves: null, move: null };
    const carried = rankOf(before, i, rules) <= rankOf(before, from, rules);
    const to = activeOf(after, rules);
    const move = { kind: "failover", from: i, to, reason: is.cause, since: null } as const;
    return { member: i, serves: false, move: carried ? move : null };
  }
  // What an operator pins is told once, with the pin, and where the last one left, with its leaving.
  const rank = rankOf(after, i, rules);
  const left = from >= 0 && after.members[from]?.kind !== "serving";
  const takes = event.type !== "pin" && !left && (from < 0 || rank <= rankOf(before, from, rules));
  const best = after.members.every((_, k) => rankOf(after, k, rules) >= rank);
  const since = was.kind === "returning" ? was.awaySince : was.since;
  const move = { kind: best ? "failback" : "failover", from, to: i, reason: "recovered", since } as const;
  return { member: i, serves: true, move: takes ? move : null };
}

/** Is it a way back? Of two upstreams by name, of which the first may be gone from the manifest. */
export function kindOf(from: string, to: string | null, { upstreams }: AppSettings): "failover" | "failback" {
  const priorityOf = (name: string | null) => upstreams.find((one) => one.name === name)?.priority;
  return (priorityOf(to) ?? Number.POSITIVE_INFINITY) <= (priorityOf(from) ?? -1) ? "failback" : "failover";
}
