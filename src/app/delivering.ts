import type { Clock } from "../core/clock.ts";
import type { Attempt, RouteRef } from "../core/exchange.ts";
import type { MemoryLedger } from "../core/memory.ts";
import type { Random } from "../core/random.ts";
import { anyUsable, onlyTrials } from "../policy/choose.ts";
import { leavesDoubt } from "../policy/fallback/later.ts";
import { Delivery, endedByUs, triesOf } from "../proxy/delivery.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import type { LeasedJob } from "../spool/port.ts";
import type { DeliveryRoute, Sending } from "../spool/route.ts";
import { laterRetry } from "./plans.ts";
import { beginVerifying } from "./verifications.ts";

/** A route of the manifest as the deliverer has it. */

export interface DeliveringDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: MemoryLedger;
  readonly onAttempts: (route: RouteRef, attempts: readonly Attempt[], requestId: string) => void;
}

export function deliveryRoute(plan: RoutePlan, deps: DeliveringDeps): DeliveryRoute {
  const { settings, ref, targets, takeToken } = plan;
  return {
    app: ref.app,
    capability: ref.capability,
    key: ref.key,
    priority: settings.priority,
    retry: laterRetry(settings),
    onDead: settings.orderBy?.onDead ?? "release",
    takeToken: ref.mode === "async" ? takeToken : null,
    admits: (now) => anyUsable(targets, now),
    onTrial: (now) => onlyTrials(targets, now),
    retryAfterMs(now) {
      let soonest: number | null = null;
      for (const target of targets) {
        const ms = target.retryAfterMs(now);
        if (ms !== null && (soonest === null || ms < soonest)) soonest = ms;
      }
      return soonest;
    },
    fits: (job) => deps.memory.fits(job.body.length),
    send: (job) => send(plan, job, deps),
  };
}

/** One attempt. The body is booked like every other that is held. */
function send(plan: RoutePlan, job: LeasedJob, deps: DeliveringDeps): Sending {
  const { clock, memory } = deps;
  if (!memory.take(job.body.length)) throw new Error("a job is sent that does not fit");
  const x = new Delivery(plan, job, deps);
  const run = async () => {
    const reply = await plan.deliver(x);
    if (reply.kind === "answer") reply.stream?.abort();
    memory.give(x.heldBytes);
    deps.onAttempts(x.route, x.attempts, x.id);
    const worth = plan.worthOf(reply);
    return {
      reply,
      worth,
      tries: triesOf(x, reply, clock),
      trial: x.trial,
      aborted: endedByUs(reply, worth, x),
      repeatable: x.repeatable,
      inDoubt: leavesDoubt(x),
      verify:
        plan.verify !== null && worth === "ok" && reply.kind === "answer"
          ? beginVerifying({ settings: plan.settings, verify: plan.verify }, x, reply, deps)
          : null,
    };
  };
  return { done: run(), abort: () => x.abort() };
}
