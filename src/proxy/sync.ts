import type { Fault } from "../core/fault.ts";
import type { Random } from "../core/random.ts";
import { readBody } from "./body.ts";
import type { BodyEnd, Call } from "./call.ts";
import { ABORTED, type Completion, complete } from "./complete.ts";
import { peerOf, readHead } from "./outgoing.ts";
import * as refuse from "./refusals.ts";
import { type Verdict, verdictOf, writeRejection, writeReply } from "./reply.ts";

export interface SyncDeps {
  readonly random: Random;
  readonly completion: Completion;
}

/** From the body to the last byte of the answer: 100-continue → body → chain → reply. Never rejects but for a bug. */
export async function serveSync(call: Call, expectsContinue: boolean, deps: SyncDeps): Promise<void> {
  const { clock } = call.shared;
  readHead(call, peerOf(call.req), clock, deps.random);
  if (expectsContinue) call.res.writeContinue();
  if (announcesBody(call)) {
    const end = await readBody(call);
    call.waitedMs += clock.now() - call.startedAt;
    if (end !== "whole") return cutShort(call, end, deps);
  }
  const reply = await call.plan.send(call);
  const stream = reply.kind === "answer" ? reply.stream : null;
  if (call.gone) {
    stream?.abort();
    complete(call, ABORTED, deps.completion);
    return;
  }
  const verdict = verdictOf(reply);
  if (stream !== null && reply.kind === "answer" && verdict.status !== reply.status) stream.abort();
  const streamed = writeReply(call, reply, verdict, (broken) => {
    complete(call, broken === null ? verdict : brokenOff(broken), deps.completion);
  });
  if (!streamed) complete(call, verdict, deps.completion);
}

function cutShort(call: Call, end: Exclude<BodyEnd, "whole">, deps: SyncDeps): void {
  if (end === "gone") return complete(call, ABORTED, deps.completion);
  const rejection =
    end === "too_large" ? refuse.bodyTooLarge(call.plan) : end === "late" ? refuse.bodyLate(call.plan) : refuse.FULL;
  writeRejection(call.res, call.id, { ...rejection, close: true });
  const { reason, status } = rejection;
  complete(call, { outcome: "rejected", reason, strategy: null, status }, deps.completion);
}

function brokenOff(broken: Fault): Verdict {
  return broken.aborted ? ABORTED : { outcome: "failed", reason: broken.reason, strategy: null, status: 0 };
}

function announcesBody(call: Call): boolean {
  const { headers } = call.req;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
