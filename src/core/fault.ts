import type { Reason } from "./outcome.ts";

/** The reasons a try or a choice of upstream can end without a whole answer of the app. */
export type FaultKind = Extract<
  Reason,
  | "timeout"
  | "connect"
  | "tls"
  | "dns"
  | "reset"
  | "invalid_response"
  | "breaker_open"
  | "no_upstream"
  | "overload"
  | "deadline"
  | "egress"
>;

/**
 * How a try ended when no usable answer came. The kind answers which status the caller gets; `written` answers
 * whether it may be repeated whatever its method: nothing written, nothing done.
 */
export interface Fault {
  readonly kind: "fault";
  readonly reason: FaultKind;
  /** Said to operators and in problem+json: one clause, no secrets, nothing from the payload. */
  readonly detail: string;
  /** True when bytes of the request may have reached the upstream. */
  readonly written: boolean;
  /** When it is known when to come back: milliseconds from now. */
  readonly retryAfterMs: number | null;
  /** The upstream that was tried, or null where none was. */
  readonly upstream: string | null;
  /** The parameter of RFC 9209 section 2.3 that says more than the reason, where there is one. */
  readonly proxyError: ProxyError | null;
  /** True when the caller went away: neither success nor failure. */
  readonly aborted: boolean;
}

/** Error types of RFC 9209 section 2.3 that we use in `Proxy-Status`. */
export const PROXY_ERRORS = [
  "dns_error",
  "dns_timeout",
  "destination_ip_prohibited",
  "destination_ip_unroutable",
  "destination_unavailable",
  "connection_refused",
  "connection_terminated",
  "connection_timeout",
  "connection_limit_reached",
  "tls_protocol_error",
  "tls_certificate_error",
  "tls_alert_received",
  "http_response_incomplete",
  "http_response_timeout",
  "http_response_body_size",
  "http_protocol_error",
  "http_request_error",
  "http_request_denied",
  "proxy_internal_error",
] as const;
export type ProxyError = (typeof PROXY_ERRORS)[number];

/** Makes a fault; what is left out is unknown or false. */
export function fault(
  reason: FaultKind,
  detail: string,
  more: Partial<Omit<Fault, "kind" | "reason" | "detail">> = {},
): Fault {
  return {
    kind: "fault",
    reason,
    detail,
    written: more.written ?? false,
    retryAfterMs: more.retryAfterMs ?? null,
    upstream: more.upstream ?? null,
    proxyError: more.proxyError ?? null,
    aborted: more.aborted ?? false,
  };
}

/** The status a caller gets when a request ends with this fault and no fallback answers. */
export function faultStatus(reason: FaultKind): 502 | 503 | 504 {
  switch (reason) {
    case "timeout":
    case "deadline":
      return 504;
    case "breaker_open":
    case "no_upstream":
    case "overload":
      return 503;
    case "connect":
    case "tls":
    case "dns":
    case "reset":
    case "invalid_response":
    case "egress":
      return 502;
  }
}

/** The RFC 9209 error type for a reason where the fault does not carry a more exact one. */
export function proxyErrorOf(reason: Reason): ProxyError {
  switch (reason) {
    case "timeout":
    case "deadline":
      return "http_response_timeout";
    case "connect":
      return "connection_refused";
    case "tls":
      return "tls_protocol_error";
    case "dns":
      return "dns_error";
    case "reset":
      return "connection_terminated";
    case "invalid_response":
      return "http_protocol_error";
    case "breaker_open":
    case "no_upstream":
      return "destination_unavailable";
    case "overload":
      return "connection_limit_reached";
    case "egress":
      return "destination_ip_prohibited";
    case "rate_limit":
    case "signature":
    case "body_too_large":
      return "http_request_denied";
    case "storage":
      return "proxy_internal_error";
    case "status":
    case "retry_after":
    case "not_repeatable":
    case "budget":
    case "attempts":
      return "http_response_incomplete";
  }
}
