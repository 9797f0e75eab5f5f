import type { Reply } from "../core/exchange.ts";
import type { Fault } from "../core/fault.ts";
import { uuidv7 } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import { type First, type Idempotency, isFinal } from "../policy/idempotency.ts";
import { beginBody, takeBody } from "./body.ts";
import { type BodyEnd, type Call, NO_BODY } from "./call.ts";
import { ABORTED, type Completion, complete } from "./complete.ts";
import { readHead } from "./outgoing.ts";
import * as refuse from "./refusals.ts";
import {
  answerToKeep,
  isStreamed,
  type Rejection,
  streamReply,
  type Verdict,
  verdictOf,
  writeRejection,
  writeReplay,
  writeReply,
} from "./reply.ts";

export interface SyncDeps {
  readonly random: Random;
  readonly completion: Completion;
}

/**
 * From the body to the last byte of the answer: 100-continue → body → signature → idempotency → chain → reply. Never
 * rejects but for a bug.
 */
export async function serveSync(call: Call, expectsContinue: boolean, deps: SyncDeps): Promise<void> {
  await beginBody(call, expectsContinue);
  readHead(call, call.shared.clock, deps.random);
  const taken = takeBody(call);
  const end = typeof taken === "string" ? taken : await taken;
  if (end !== "whole") return cutShort(call, end, deps);
  const forged = distrust(call);
  if (forged !== null) return turnAway(call, forged, deps);
  const { idempotency } = call.plan;
  if (idempotency !== null) return serveOnce(call, idempotency, deps);
  finish(call, await call.plan.send(call), deps, null);
}

/**
 * What is wrong with the signature of a request, null where nothing is. A body that nobody vouches for is let go at once:
 * not even a label of `context` is read from it.
 */
export function distrust(call: Call): Rejection | null {
  const { plan, shared } = call;
  if (plan.inbound === null || !plan.inbound.ofBody) return null;
  const problem = plan.inbound.check(call.headers, call.body, shared.clock.wall());
  if (problem === null) return null;
  call.body = NO_BODY;
  return refuse.unverified(plan, plan.inbound, problem);
}

/** The rest for a route with idempotency: the chain runs once a key, and who repeats it gets the first answer. */
async function serveOnce(call: Call, idempotency: Idempotency, deps: SyncDeps): Promise<void> {
  const admission = await idempotency.admit(call);
  if (call.gone) {
    if (admission.kind === "first") admission.first.free();
    return complete(call, ABORTED, deps.completion);
  }
  switch (admission.kind) {
    case "keyless":
      return finish(call, await call.plan.send(call), deps, null);
    case "first":
      return runFirst(call, admission.first, deps);
    case "replay":
      return complete(call, writeReplay(call, admission.answer), deps.completion);
    case "running":
      return turnAway(call, refuse.KEY_RUNNING, deps);
    case "conflict":
      return turnAway(call, refuse.KEY_CONFLICT, deps);
    case "unusable":
      return turnAway(call, refuse.keyUnusable(call.plan, admission.problem), deps);
  }
}

async function runFirst(call: Call, first: First, deps: SyncDeps): Promise<void> {
  const reply = await call.plan.send(call);
  // Also where the caller left just now: it is the one that will ask again.
  if (isFinal(reply)) await first.keep(call, answerToKeep(reply, verdictOf(reply)));
  finish(call, reply, deps, first);
}

/** Writes the reply. `first`, where there is one, is freed when the last byte went: until then its repeats wait. */
function finish(call: Call, reply: Reply, deps: SyncDeps, first: First | null): void {
  const stream = reply.kind === "answer" ? reply.stream : null;
  if (call.gone) {
    stream?.abort();
    first?.free();
    complete(call, ABORTED, deps.completion);
    return;
  }
  const verdict = verdictOf(reply);
  if (isStreamed(reply, verdict)) {
    return streamReply(call, reply, verdict, (broken) => {
      first?.free();
      complete(call, broken === null ? verdict : brokenOff(broken), deps.completion);
    });
  }
  stream?.abort();
  writeReply(call, reply, verdict);
  first?.free();
  complete(call, verdict, deps.completion);
}

/** Ends a call whose body could not be read. */
export function cutShort(call: Call, end: Exclude<BodyEnd, "whole">, deps: SyncDeps): void {
  if (call.id === "") call.id = uuidv7(call.shared.clock, deps.random);
  if (end === "gone") return complete(call, ABORTED, deps.completion);
  const rejection =
    end === "too_large" ? refuse.bodyTooLarge(call.plan) : end === "late" ? refuse.bodyLate(call.plan) : refuse.FULL;
  turnAway(call, { ...rejection, close: true }, deps);
}

/** Refuses it, after its body was read. */
export function turnAway(call: Call, rejection: Rejection, deps: SyncDeps): void {
  writeRejection(call.res, call.id, { ...rejection, close: rejection.close === true || call.shared.closing() });
  const { reason, status } = rejection;
  complete(call, { outcome: "rejected", reason, strategy: null, status }, deps.completion);
}

function brokenOff(broken: Fault): Verdict {
  return broken.aborted ? ABORTED : { outcome: "failed", reason: broken.reason, strategy: null, status: 0 };
}
