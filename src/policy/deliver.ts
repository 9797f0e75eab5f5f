import type { Clock } from "../core/clock.ts";
import type { Exchange, Reply, Send, Worth } from "../core/exchange.ts";
import type { Random } from "../core/random.ts";
import { choose, isVain, nothingUsable, type Target, untriedCount } from "./choose.ts";
import { leavesDoubt } from "./fallback/later.ts";

export interface DeliverPlan {
  readonly targets: readonly Target[];
  readonly worthOf: (reply: Reply) => Worth;
  /** Of each send. */
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number | null;
}

/**
 * One attempt at delivering a stored job: the asynchronous path's place of retry, whose schedule is in the spool. A
 * send that failed moves on to an upstream that this attempt has not tried, where that may be done; all of it counts
 * as one attempt.
 */
export function delivering(plan: DeliverPlan, deps: { readonly clock: Clock; readonly random: Random }): Send {
  const { targets } = plan;
  const tryMs = Math.min(plan.timeoutMs, plan.attemptTimeoutMs ?? plan.timeoutMs);
  return async (x) => {
    let last: Reply | null = null;
    for (;;) {
      const now = deps.clock.now();
      if (last !== null && (x.gone || untriedCount(targets, x.tried, now) === 0)) return last;
      const index = choose(targets, x, now, deps.random);
      if (index < 0) return last ?? nothingUsable(targets, now);
      const target = targets[index] as Target;
      x.tried |= 1 << index;
      x.tryMs = tryMs;
      // What may well be in vain must not spend the job's attempts.
      const vain = isVain(targets, index);
      const reply = await target.send(x);
      if (vain) x.trial = true;
      const refused = reply.kind === "fault" && !reply.written && UNTRIED.has(reply.reason);
      if (!refused) target.sent(deps.clock.now());
      // What a try brought says more than that another upstream would not even try.
      if (!refused || last === null) last = reply;
      if (!refused && !mayMove(plan, x, reply)) return reply;
      if (reply.kind === "answer") reply.stream?.abort();
      // The next upstream may share what this one wrote down before it fell silent.
      x.inDoubt ||= leavesDoubt(x);
    }
  };
}

const UNTRIED: ReadonlySet<string> = new Set(["breaker_open", "overload", "egress"]);

function mayMove(plan: DeliverPlan, x: Exchange, reply: Reply): boolean {
  const worth = plan.worthOf(reply);
  if (worth !== "transient" && worth !== "push_back") return false;
  return x.repeatable || worth === "push_back" || (reply.kind === "fault" && !reply.written);
}
