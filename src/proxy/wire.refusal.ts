import type { Clock } from "../core/clock.ts";
import { outcomeField, type Reason } from "../core/outcome.ts";
import { PROBLEM_JSON, problem } from "../core/problem.ts";

/**
 * A request that goes no further: it is answered with this, the connection closes, and no upstream sees a byte.
 * `detail` never quotes the request.
 */
export interface Refusal {
  readonly status: 400 | 405 | 408 | 413 | 417 | 431;
  /** The problem's name, as in `urn:outrigger:problem:<name>`. */
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  readonly reason: null;
  readonly close: true;
  /** For 405, upper case. */
  readonly allow?: readonly string[];
}

const TITLES: Readonly<Record<Refusal["status"], readonly [name: string, title: string]>> = {
  400: ["bad-request", "Bad request"],
  405: ["method-not-allowed", "Method not allowed"],
  408: ["request-timeout", "Request timeout"],
  413: ["content-too-large", "Content too large"],
  417: ["expectation-failed", "Expectation failed"],
  431: ["header-fields-too-large", "Request header fields too large"],
};

/** Refusals are made once, at load: a flood of bad requests allocates none. */
export function refusal(status: Refusal["status"], detail: string, allow?: readonly string[]): Refusal {
  const [name, title] = TITLES[status];
  return Object.freeze({
    status,
    name,
    title,
    detail,
    reason: null,
    close: true,
    ...(allow === undefined ? {} : { allow }),
  });
}

export const CONNECTION: Refusal = refusal(400, "Connection names a field that must reach the app");
export const UNDERSCORE: Refusal = refusal(400, "a header name with an underscore poses as one that matters here");

/** CONNECT would make us a tunnel, TRACE would echo what other proxies added: never (RFC 9110 section 9.3). */
export const REFUSED_METHOD = refusal(405, "CONNECT and TRACE are not served here", [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
]);

/** What refusing on a bare socket needs. */
export interface Refuser {
  readonly clock: Clock;
  /** Counts a refusal that never became a request, and gives the id it goes out with. */
  told(status: number, reason: Reason | null): string;
  /** At a listener that is no proxy: fields that go out in place of what the proxy says of itself. */
  readonly own?: Readonly<Record<string, string>>;
}

/**
 * The whole answer as bytes, for a socket that has no `ServerResponse`. `id` goes out as X-Request-ID, unless there are
 * fields to go out in place of it.
 */
export function refusalBytes(refused: Refusal, id: string, own?: Refuser["own"]): Buffer {
  const more = own === undefined ? { request_id: id } : {};
  const body = JSON.stringify(problem(refused.status, refused.name, refused.title, refused.detail, more));
  const head = [
    `HTTP/1.1 ${refused.status} ${refused.title}`,
    `Content-Type: ${PROBLEM_JSON}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(own === undefined ? proxyLines(id) : Object.entries(own).map(([name, value]) => `${name}: ${value}`)),
    ...(refused.allow === undefined ? [] : [`Allow: ${refused.allow.join(", ")}`]),
    "Connection: close",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function proxyLines(id: string): string[] {
  return [
    `X-Request-ID: ${id}`,
    `Outrigger-Outcome: ${outcomeField("rejected")}`,
    "Proxy-Status: outrigger; error=http_request_error",
  ];
}
