import { type KeyProblem, MAX_KEY_BYTES } from "../policy/idempotency.key.ts";
import type { Inbound, InboundProblem } from "../policy/inbound/inbound.ts";
import type { RoutePlan } from "./plan.ts";
import type { Rejection } from "./reply.ts";

/** Every refusal of ours that is not about bytes on the wire, with what the caller can do about it. */

export const OTHER_AUTHORITY: Rejection = {
  status: 400,
  name: "other-authority",
  title: "This authority is not served here",
  detail: "An absolute request target must name the authority of a route's match.host and equal the Host header.",
  reason: null,
  close: true,
};

export function notFound(path: string): Rejection {
  const own = path.startsWith("/.outrigger/");
  return {
    status: 404,
    name: "no-route",
    title: "No route answers here",
    detail: own
      ? "Nothing is served at this path under /.outrigger/."
      : "No webhook of the manifest matches; `outrigger routes` lists those that exist.",
    reason: null,
  };
}

export function otherMethod(allow: readonly string[]): Rejection {
  return {
    status: 405,
    name: "method-not-allowed",
    title: "The route does not take this method",
    detail: `It takes ${allow.join(", ")}.`,
    reason: null,
    allow,
  };
}

export function rateLimited(plan: RoutePlan, retryAfterMs: number): Rejection {
  return {
    status: 429,
    name: "rate-limit",
    title: "Too many calls for this app",
    detail: `App ${plan.ref.app} has a rate_limit; come back after Retry-After.`,
    reason: "rate_limit",
    retryAfterMs,
  };
}

/** The caller is not who it says, or these are not the bytes it signed. Says nothing that a forger could learn from. */
export function unverified({ settings }: RoutePlan, inbound: Inbound, why: InboundProblem): Rejection {
  const { verify = "", toleranceMs = 0 } = settings.inbound ?? {};
  const names = inbound.headers.join(", ");
  const details: Readonly<Record<InboundProblem, string>> = {
    missing: `The route takes only requests with ${names} (inbound: ${verify}).`,
    repeated: `Send each of ${names} once.`,
    malformed: `What is in ${names} is not of the form that ${verify} has.`,
    stale: `It was signed more than ${toleranceMs} ms from now (tolerance): sign it anew, and look at the clock.`,
    mismatch: `None of the route's secrets fits what is in ${names}.`,
  };
  const bearer = verify === "bearer";
  return {
    status: 401,
    name: bearer ? "token" : "signature",
    title: bearer ? "The caller's token is not accepted" : "The request's signature is not accepted",
    detail: details[why],
    reason: "signature",
    // RFC 6750 section 3.1: who came without a token is told of no error.
    ...(bearer && { authenticate: why === "missing" ? BEARER : `${BEARER}, error="invalid_token"` }),
  };
}

const BEARER = 'Bearer realm="outrigger"';

export const FULL: Rejection = {
  status: 503,
  name: "overload",
  title: "Too many requests at once",
  detail: "limits.in_flight or limits.buffered is reached; come back after Retry-After.",
  reason: "overload",
  retryAfterMs: 1000,
};

const QUEUE_AGAIN_MS = 5000;

export const SPOOL_FULL: Rejection = {
  status: 503,
  name: "spool-full",
  title: "The queue is full",
  detail: "spool.max_jobs or spool.max_bytes is reached; nothing was accepted. Come back after Retry-After.",
  reason: "storage",
  retryAfterMs: QUEUE_AGAIN_MS,
};

export const SPOOL_AWAY: Rejection = {
  status: 503,
  name: "storage",
  title: "The request could not be stored",
  detail: "The spool is not available, or did not answer in time. Come back after Retry-After.",
  reason: "storage",
  retryAfterMs: QUEUE_AGAIN_MS,
};

export function bodyTooLarge(plan: RoutePlan): Rejection {
  return {
    status: 413,
    name: "body-too-large",
    title: "The body is too large",
    detail: `The route takes at most ${plan.settings.bodyLimit} bytes (body_limit).`,
    reason: "body_too_large",
    close: true,
  };
}

export function bodyLate(plan: RoutePlan): Rejection {
  return {
    status: 408,
    name: "body-timeout",
    title: "The body did not come in time",
    detail: `The whole exchange has ${plan.settings.timeoutMs} ms (timeout), the body included.`,
    reason: "timeout",
    close: true,
  };
}

export function keyUnusable(plan: RoutePlan, why: KeyProblem): Rejection {
  const header = plan.settings.idempotency?.header ?? "";
  return {
    status: 400,
    name: "idempotency-key",
    title: "The idempotency key can't be used",
    detail:
      why === "repeated"
        ? `Send one ${header} header.`
        : `The key in ${header} may have at most ${MAX_KEY_BYTES} bytes; a UUID is a good one.`,
    reason: null,
  };
}

export const KEY_RUNNING: Rejection = {
  status: 409,
  name: "idempotency-running",
  title: "The first request with this idempotency key is still running",
  detail: "Come back after Retry-After with the same key and body: then its answer is here.",
  reason: null,
  retryAfterMs: 1000,
};

export const KEY_CONFLICT: Rejection = {
  status: 422,
  name: "idempotency-conflict",
  title: "This idempotency key came with another body before",
  detail: "A key stands for one request: repeat the same bytes, or take a new key.",
  reason: null,
};
