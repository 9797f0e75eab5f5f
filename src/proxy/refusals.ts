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

export const FULL: Rejection = {
  status: 503,
  name: "overload",
  title: "Too many requests at once",
  detail: "limits.in_flight or limits.buffered is reached; come back after Retry-After.",
  reason: "overload",
  retryAfterMs: 1000,
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
