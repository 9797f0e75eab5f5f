import type { Clock } from "../core/clock.ts";
import type { Answer, Attempt, Exchange, Peer, Reply, RouteRef, Worth } from "../core/exchange.ts";
import { headerValue } from "../core/headers.ts";
import { isRequestId } from "../core/ids.ts";
import { type JobOrigin, KEPT_ANSWER_BYTES, type StoredRequest, type TryRecord } from "../core/job.ts";
import type { MemoryLedger } from "../core/memory.ts";
import type { Reason } from "../core/outcome.ts";
import type { Random } from "../core/random.ts";
import { redactHeaders } from "../core/redact.ts";
import { type Outgoing, readHead } from "./outgoing.ts";
import type { RoutePlan } from "./plan.ts";

/** What a stored job says of itself. */
export interface JobToSend {
  readonly requestId: string;
  readonly request: StoredRequest;
  readonly body: Buffer;
  readonly sends: number;
  readonly inDoubt: boolean;
  /** A synchronous call left it behind: that it is sent again was asked for. */
  readonly origin: JobOrigin;
}

export interface DeliveryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: MemoryLedger;
}

/** One attempt at a stored job, as the chain sees it: built anew each time, under the manifest of its time. */
export class Delivery implements Exchange, Outgoing {
  readonly plan: RoutePlan;
  readonly route: RouteRef;
  id: string;
  readonly method: string;
  readonly rest: string;
  readonly target: string;
  host: string;
  readonly headers: readonly string[];
  readonly httpVersion: string;
  readonly peer: Peer;
  outHeaders: readonly string[] = [];
  readonly body: Buffer;
  readonly startedAt: number;
  readonly deadlineAt: number;
  repeatable = false;
  webhookId = "";
  readonly attempts: Attempt[] = [];
  readonly maxAttempts: number;
  readonly lane = "async";
  readonly sentBefore: number;
  inDoubt: boolean;
  trial = false;
  tryMs = 0;
  waitedMs = 0;
  tried = 0;
  heldBytes: number;
  denied: Reason | null = null;
  readonly retries: Reason[] = [];
  gone = false;
  onGone: (() => void) | null = null;
  onMove: (() => void) | null = null;

  constructor(plan: RoutePlan, job: JobToSend, deps: DeliveryDeps) {
    const { request } = job;
    const { settings } = plan;
    this.plan = plan;
    this.route = plan.ref;
    this.id = job.requestId;
    this.method = request.method;
    this.rest = request.rest;
    this.target = request.target;
    this.host = request.host;
    this.headers = request.headers;
    this.httpVersion = request.httpVersion;
    this.peer = { address: request.peer, secure: request.secure };
    this.body = job.body;
    this.heldBytes = job.body.length;
    this.startedAt = deps.clock.now();
    // Each send has the whole timeout, and may wait as long for a slot.
    this.deadlineAt = this.startedAt + 2 * settings.timeoutMs * settings.upstreams.length;
    this.maxAttempts = plan.laterAttempts;
    this.sentBefore = job.sends;
    this.inDoubt = job.inDoubt;
    readHead(this, deps.clock, deps.random);
    if (job.origin === "fallback") this.repeatable = true;
  }

  abort(): void {
    this.gone = true;
    const { onGone } = this;
    this.onGone = null;
    onGone?.();
  }
}

/** The caller's own request id, where it may be kept. */
export function requestIdOf(headers: readonly string[]): string | null {
  const given = headerValue(headers, "x-request-id");
  return given !== undefined && isRequestId(given) ? given : null;
}

/** What is stored of a request: what is needed to build it anew. */
export function storedRequest(x: Exchange): StoredRequest {
  const { method, rest, target, headers, httpVersion, peer } = x;
  const host = x.host === "" ? (headerValue(headers, "host") ?? "") : x.host;
  return { method, rest, target, host, httpVersion, peer: peer.address, secure: peer.secure, headers };
}

/** The sends of an exchange as records, with what the last one's answer said where it was not good. */
export function triesOf(x: Exchange, last: Reply | null, clock: Clock): TryRecord[] {
  const offset = clock.wall() - clock.now();
  return x.attempts.map((attempt, i): TryRecord => {
    const { n, upstream, worth, reason, status, durationMs, detail } = attempt;
    const at = Math.round(attempt.startedAt + offset);
    const record = { n, at, upstream, worth, reason, status, durationMs: Math.round(durationMs * 1000) / 1000, detail };
    const answer = i === x.attempts.length - 1 && last?.kind === "answer" && worth !== "ok" ? last : null;
    return answer === null ? record : { ...record, ...answerOf(answer) };
  });
}

// Nobody sends an answer again, so nobody needs its credentials.
function answerOf({ headers, body }: Answer): Pick<TryRecord, "headers" | "body" | "bodyBytes"> {
  return {
    headers: redactHeaders(headers),
    body: body.subarray(0, KEPT_ANSWER_BYTES).toString("base64"),
    bodyBytes: body.length,
  };
}

/** A try ended by us says nothing of the app. */
export function endedByUs(reply: Reply, worth: Worth, x: Exchange): boolean {
  return x.gone && worth === "ignored" && reply.kind === "fault" && reply.aborted;
}
