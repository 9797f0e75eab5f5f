import type { ServerResponse } from "node:http";
import type { Answer, BodyStream, Reply, Substitute } from "../core/exchange.ts";
import { type Fault, faultStatus, type ProxyError, proxyErrorOf } from "../core/fault.ts";
import { OUTCOMES, type Outcome, outcomeField, REASONS, type Reason, type Strategy } from "../core/outcome.ts";
import { PROBLEM_JSON, type Problem, problem } from "../core/problem.ts";
import type { AnswerToKeep } from "../spool/port.ts";
import type { Call } from "./call.ts";
import { breakOff } from "./cut.ts";
import { endWith } from "./wire.server.ts";

/** What became of a call, as its caller saw it. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  readonly strategy: Strategy | null;
  readonly status: number;
}

/** A request refused by us: 4xx, or 503 where we are full. The connection is closed where the rest can't be trusted. */
export interface Rejection {
  readonly status: number;
  /** The problem's name for programs, as in `urn:outrigger:problem:<name>`. */
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  readonly reason: Reason | null;
  readonly retryAfterMs?: number;
  readonly allow?: readonly string[];
  /** The challenge of a 401 that a caller can answer by itself (RFC 9110 section 11.6.1). */
  readonly authenticate?: string;
  readonly close?: boolean;
}

const ONE_WRITE_BYTES = 16 * 1024;

/** Says what a chain's reply means to the caller. */
export function verdictOf(reply: Reply): Verdict {
  switch (reply.kind) {
    case "substitute":
      return { outcome: "fallback", reason: reply.reason, strategy: reply.strategy, status: reply.status };
    case "fault":
      return reply.aborted
        ? { outcome: "aborted", reason: null, strategy: null, status: 0 }
        : { outcome: "failed", reason: reply.reason, strategy: null, status: faultStatus(reply.reason) };
    case "answer":
      if (reply.worth === "ok") return { outcome: "ok", reason: null, strategy: null, status: reply.status };
      if (reply.worth === "permanent") {
        return { outcome: "declined", reason: null, strategy: null, status: reply.status };
      }
      return reply.reason === "invalid_response"
        ? { outcome: "failed", reason: "invalid_response", strategy: null, status: 502 }
        : { outcome: "failed", reason: "status", strategy: null, status: reply.status };
  }
}

/** Is this passed on as it comes? Only what the caller gets as the app gave it can be. */
export function isStreamed(reply: Reply, verdict: Verdict): reply is Streamed {
  return reply.kind === "answer" && reply.stream !== null && verdict.status === reply.status;
}

type Streamed = Answer & { readonly stream: BodyStream };

/** Writes a chain's reply, which is whole. */
export function writeReply(call: Call, reply: Reply, verdict: Verdict): void {
  const field = fieldOf(verdict);
  if (reply.kind === "answer" && verdict.status === reply.status) {
    writeWhole(call.res, call, reply.status, reply.headers, reply.body, field, null);
  } else if (reply.kind === "substitute") {
    writeWhole(call.res, call, reply.status, reply.headers, reply.body, field, proxyStatus(reply));
  } else {
    const made = failure(call, reply as Fault | Answer, verdict);
    writeWhole(call.res, call, verdict.status, made.headers, made.body, field, proxyStatus(reply));
  }
}

function fieldOf({ outcome, reason, strategy }: Verdict): string {
  return outcomeField(outcome, reason, strategy);
}

/** What of a whole reply is kept for callers who repeat their key. */
export function answerToKeep(reply: Answer | Substitute, verdict: Verdict): AnswerToKeep {
  const headers: string[] = [];
  for (let i = 0; i + 1 < reply.headers.length; i += 2) {
    const name = reply.headers[i] as string;
    if (!NOT_KEPT.has(name.toLowerCase())) headers.push(name, reply.headers[i + 1] as string);
  }
  if (reply.kind === "substitute") headers.push("Proxy-Status", proxyStatus(reply));
  return { status: reply.status, headers, body: reply.body, outcome: fieldOf(verdict) };
}

/** Cookies are one caller's own, and an app that replays by itself must not make our word on it stand there twice. */
const NOT_KEPT: ReadonlySet<string> = new Set(["set-cookie", "set-cookie2", "idempotency-replayed"]);

/** Writes an answer that was given before, and says what it means to this caller. */
export function writeReplay(call: Call, { status, headers, body, outcome }: AnswerToKeep): Verdict {
  const own = [...headers, "Idempotency-Replayed", "true"];
  writeWhole(call.res, call, status, own, Buffer.from(body.buffer, body.byteOffset, body.length), outcome, null);
  const [word, ...parameters] = outcome.split(";");
  const reason = parameters.find((text) => text.startsWith("reason="))?.slice("reason=".length);
  return {
    outcome: OUTCOMES.find((known) => known === word) ?? "ok",
    reason: REASONS.find((known) => known === reason) ?? null,
    // No strategy answered this time: its use was counted when it did.
    strategy: null,
    status,
  };
}

function writeWhole(
  res: ServerResponse,
  call: Call,
  status: number,
  own: readonly string[],
  body: Buffer,
  outcome: string,
  proxy: string | null,
): void {
  const headers = own.slice();
  headers.push("X-Request-ID", call.id, "Outrigger-Outcome", outcome);
  if (proxy !== null) headers.push("Proxy-Status", proxy);
  const bodiless = status === 204 || status === 304 || call.method === "HEAD";
  if (!bodiless) headers.push("Content-Length", String(body.length));
  if (call.shared.closing()) sayClose(res, headers);
  res.writeHead(status, headers);
  // A small body as text goes out with the head in one plain write, which is cheaper than a gathered one; latin-1
  // keeps every byte.
  if (bodiless) res.end();
  else if (body.length <= ONE_WRITE_BYTES) res.end(body.toString("latin1"), "latin1");
  else res.end(body);
}

/** Begins an answer; `onStreamed` hears when its last byte went, or why it never will. */
export function streamReply(
  call: Call,
  { status, headers: own, stream }: Streamed,
  verdict: Verdict,
  onStreamed: (fault: Fault | null) => void,
): void {
  const { res } = call;
  const headers = own.slice();
  headers.push("X-Request-ID", call.id, "Outrigger-Outcome", fieldOf(verdict));
  if (call.shared.closing()) sayClose(res, headers);
  res.writeHead(status, headers);
  res.on("drain", () => stream.resume());
  call.onGone = () => stream.abort();
  stream.pipe(
    (chunk) => res.write(chunk),
    (broken) => {
      // Ending the body would make a cut answer look whole: the caller must see the connection break.
      if (broken === null) res.end();
      else breakOff(res);
      onStreamed(broken);
    },
  );
}

function failure(call: Call, reply: Fault | Answer, verdict: Verdict): { headers: string[]; body: Buffer } {
  const reason = verdict.reason ?? "status";
  const headers = ["Content-Type", PROBLEM_JSON];
  if (reply.retryAfterMs !== null) headers.push("Retry-After", seconds(reply.retryAfterMs));
  const { title, next } = FAILURES[reason] ?? { title: "The app gave no usable answer", next: "Try again later." };
  const made = problem(
    verdict.status,
    reason.replaceAll("_", "-"),
    title,
    `${detailForCallers(reply) ?? title}. ${next}`,
    {
      reason,
      app: call.route.app,
      capability: call.route.capability,
      request_id: call.id,
    },
  );
  return { headers, body: Buffer.from(JSON.stringify(made)) };
}

const FAILURES: Readonly<Partial<Record<Reason, { readonly title: string; readonly next: string }>>> = {
  timeout: { title: "The app did not answer in time", next: "It may have done the work: repeat only with a key." },
  connect: { title: "The app could not be reached", next: "Nothing was sent to it; it is safe to try again." },
  dns: { title: "The app's name could not be resolved", next: "Nothing was sent to it; it is safe to try again." },
  tls: { title: "No secure connection to the app", next: "Nothing was sent to it; check its certificate." },
  reset: { title: "The app broke off", next: "It may have done the work: repeat only with a key." },
  invalid_response: { title: "The app's answer was not valid", next: "It may have done the work." },
  egress: { title: "The app's address may not be dialled", next: "Nothing was sent to it; its operators know why." },
  breaker_open: { title: "The app is failing and is left alone", next: "Try again after Retry-After." },
  no_upstream: { title: "No upstream of the app is usable", next: "Try again after Retry-After." },
  overload: { title: "Too many calls to the app at once", next: "Try again after Retry-After." },
};

/** Refuses a request: problem+json, `Outrigger-Outcome: rejected`, and `Connection: close` where asked. */
export function writeRejection(res: ServerResponse, id: string | null, rejection: Rejection): void {
  const made: Problem = problem(rejection.status, rejection.name, rejection.title, rejection.detail, {
    ...(rejection.reason === null ? {} : { reason: rejection.reason }),
    ...(id === null ? {} : { request_id: id }),
  });
  const body = Buffer.from(JSON.stringify(made));
  const headers = ["Content-Type", PROBLEM_JSON, "Content-Length", String(body.length)];
  if (id !== null) headers.push("X-Request-ID", id);
  headers.push("Outrigger-Outcome", outcomeField("rejected", rejection.reason));
  headers.push("Proxy-Status", `outrigger; error=${refusalError(rejection)}`);
  if (rejection.retryAfterMs !== undefined) headers.push("Retry-After", seconds(rejection.retryAfterMs));
  if (rejection.allow !== undefined) headers.push("Allow", rejection.allow.join(", "));
  if (rejection.authenticate !== undefined) headers.push("WWW-Authenticate", rejection.authenticate);
  if (rejection.close === true) sayClose(res, headers);
  res.writeHead(rejection.status, headers);
  res.end(body);
}

/** Makes this the last answer of its connection. */
export function sayClose(res: ServerResponse, headers: string[]): void {
  headers.push("Connection", "close");
  endWith(res);
}

/** The error type of RFC 9209 for a refusal of ours. */
function refusalError({ status, reason }: Pick<Rejection, "status" | "reason">): ProxyError {
  if (status === 503 && reason !== null) return proxyErrorOf(reason);
  return reason === null && status !== 404 ? "http_request_error" : "http_request_denied";
}

/** What a name stands for inside is not told outside: the log, probes and deliveries name the address. */
function detailForCallers(reply: Fault | Answer): string | null {
  if (reply.reason !== "egress") return reply.detail;
  return `the manifest's egress rule closes the address of upstream ${reply.upstream ?? "unknown"}`;
}

/**
 * RFC 9209: what went wrong on the way to the app, as a Structured Field; where the app gave a whole answer, its
 * status. Details are plain ASCII.
 */
function proxyStatus(reply: Reply): string {
  if (reply.kind === "substitute") return proxyStatus(reply.cause);
  if (reply.kind === "answer") {
    const error = reply.reason === "invalid_response" ? "; error=http_protocol_error" : "";
    return `outrigger${error}; received-status=${reply.status}`;
  }
  const details = (detailForCallers(reply) ?? "").replace(/[^\x20-\x7e]/g, " ").replace(/["\\]/g, "'");
  return `outrigger; error=${reply.proxyError ?? proxyErrorOf(reply.reason)}; details="${details}"`;
}

// RFC 9110 section 10.2.3: whole seconds; rounded up, so that nobody comes back early.
function seconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
