import type { Attempt, Worth } from "../core/exchange.ts";
import { type Fault, fault } from "../core/fault.ts";
import { outcomeField } from "../core/outcome.ts";
import type { Random } from "../core/random.ts";
import { breakerResult } from "../policy/breaker.ts";
import { choose, nothingUsable } from "../policy/choose.ts";
import type { Call } from "./call.ts";
import { type Completion, complete } from "./complete.ts";
import { readHead } from "./outgoing.ts";
import type { PassthroughExchange, PassthroughResult } from "./passthrough.relay.ts";
import type { Way } from "./plan.ts";
import { sayClose, type Verdict, verdictOf, writeReply } from "./reply.ts";

export interface ServeDeps {
  readonly random: Random;
  readonly completion: Completion;
}

/** What streams is sent once, so it is no request to try a returning upstream with. */
const ONCE = { tried: 0, repeatable: false };

/**
 * One passthrough call from its head to its end: choose upstream → breaker → slot → relay, once. What streams can't be
 * repeated, judged or replaced, so of the chain's policies only those that need no body hold here.
 */
export async function servePassthrough(
  call: Call,
  relay: (x: PassthroughExchange) => Promise<PassthroughResult>,
  deps: ServeDeps,
): Promise<void> {
  const { clock } = call.shared;
  readHead(call, clock, deps.random);
  const { ways } = call.plan;
  const way = ways[choose(ways, ONCE, clock.now(), deps.random)];
  if (way === undefined) return fail(call, nothingUsable(ways, clock.now()), deps);
  const permit = way.breaker.admit(clock.now());
  if (permit < 0) return fail(call, nothingUsable(ways, clock.now()), deps);
  const stand = way.health.admit(false);
  const refused = await enter(call, way);
  if (refused !== null) {
    way.breaker.settle(permit, "none", clock.now());
    way.health.settle(stand, "none", null, clock.now());
    return fail(call, refused, deps);
  }
  const startedAt = clock.now();
  const result = await relay(exchangeOf(call, way));
  way.slots.leave();
  const worth = worthOf(result, way);
  const outcome = breakerResult(worth, result.status);
  way.breaker.settle(permit, outcome, clock.now());
  way.health.settle(stand, outcome, null, clock.now());
  const attempt = attemptOf(result, way, worth, startedAt, clock.now());
  if (outcome === "bad") way.health.failed(attempt, clock.now());
  call.attempts.push(attempt);
  if (result.fault !== null && !result.headSent) return fail(call, result.fault, deps);
  complete(call, verdictOfResult(result, worth), deps.completion);
}

function exchangeOf(call: Call, way: Way): PassthroughExchange {
  const { app } = call.plan.settings;
  // What the wait for a slot has left of it.
  const timeoutMs = Math.max(1, Math.round(call.deadlineAt - call.shared.clock.now()));
  return {
    upstream: way.upstream,
    agent: way.agent,
    path: way.path + call.rest,
    headers: [...call.outHeaders, "X-Timeout-Ms", String(timeoutMs), "X-Retry-Attempt", "0", "X-Max-Attempts", "1"],
    host: app.preserveHost && call.host !== "" ? call.host : way.upstream.authority,
    timeoutMs,
    answerHeaders: (status) => {
      const { outcome, reason } = outcomeOf(worthOfStatus(status, way));
      const own = ["X-Request-ID", call.id, "Outrigger-Outcome", outcomeField(outcome, reason)];
      if (status !== 101 && call.shared.closing()) sayClose(call.res, own);
      return own;
    },
  };
}

async function enter(call: Call, way: Way): Promise<Fault | null> {
  if (way.slots.tryEnter()) return null;
  const { clock } = call.shared;
  const from = clock.now();
  const entered = await way.slots.wait(call, call.deadlineAt - from, clock);
  call.waitedMs += clock.now() - from;
  if (entered === "entered") return null;
  if (entered === "gone") return fault("reset", "the caller went away", { aborted: true });
  return fault("overload", `no slot of upstream ${way.name} is free`, { upstream: way.name, retryAfterMs: 1000 });
}

function worthOf(result: PassthroughResult, way: Way): Worth {
  if (result.fault === null) return worthOfStatus(result.status, way);
  return result.fault.aborted ? "ignored" : way.classifier.ofFault(result.fault.reason);
}

// No `response.status` speaks of 101: where it was asked for, it is what was wanted.
function worthOfStatus(status: number, way: Way): Worth {
  return status === 101 ? "ok" : way.classifier.ofStatus(status, false).worth;
}

// A status passes as it is, whatever it is worth: `failed` says that the app's answer was one.
function outcomeOf(worth: Worth): Pick<Verdict, "outcome" | "reason"> {
  if (worth === "ok") return { outcome: "ok", reason: null };
  return worth === "permanent" ? { outcome: "declined", reason: null } : { outcome: "failed", reason: "status" };
}

function verdictOfResult(result: PassthroughResult, worth: Worth): Verdict {
  if (result.fault === null) return { ...outcomeOf(worth), strategy: null, status: result.status };
  return { ...verdictOf(result.fault), status: result.status };
}

function attemptOf(result: PassthroughResult, way: Way, worth: Worth, startedAt: number, endedAt: number): Attempt {
  return {
    n: 0,
    upstream: way.name,
    worth,
    reason: result.fault?.reason ?? null,
    status: result.status,
    startedAt,
    durationMs: endedAt - startedAt,
    detail: result.fault?.detail ?? null,
  };
}

function fail(call: Call, failure: Fault, deps: ServeDeps): void {
  const verdict = verdictOf(failure);
  if (verdict.outcome !== "aborted") writeReply(call, failure, verdict);
  complete(call, verdict, deps.completion);
}
