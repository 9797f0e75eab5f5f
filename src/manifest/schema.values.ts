import { HOP_BY_HOP } from "../core/header.names.ts";
import { isFieldValue, isToken } from "../core/headers.ts";
import { parsePointer } from "../core/pointer.ts";
import type { StatusRange, WorthCode } from "../core/settings.route.ts";
import type { Address } from "../core/settings.ts";
import { mapOf, scalar, shown, text } from "./schema.parts.ts";
import { parseDuration } from "./units.ts";
import { parsePattern, parseUpstreamUrl, wrongPath } from "./urls.ts";

/** Values with a form of their own: pointers, paths, URLs, header fields, status ranges, references to a request. */

/** A JSON pointer (RFC 6901). The empty one, the whole document, only where `whole` is set. */
export const pointer = (description: string, whole = true) =>
  scalar({ type: "string", pattern: "^(/([^~/]|~[01])*)*$", description }, (value, fail): string => {
    if (typeof value !== "string" || parsePointer(value) === null) {
      return fail(`${shown(value)} is no JSON pointer (RFC 6901): expected one such as /participants`);
    }
    return whole || value.length > 1 ? value : fail("expected a pointer of one segment or more, such as /winner");
  });

/** A path on an upstream: raw bytes, no query, no fragment, no dot segments. */
export const path = text("A path on the app's upstreams. No ?, # or dot segments.", wrongPath);

export const matchPath = scalar(
  { type: "string", description: "An exact path; a final /* or :name segments make a pattern." },
  (value, fail) => {
    const parsed = parsePattern(value);
    return "wrong" in parsed ? fail(parsed.wrong) : parsed.path;
  },
);

export const upstreamUrl = scalar(
  { type: "string", description: "http:// or https://, with an optional path. No ?, #, user or password." },
  (value, fail) => {
    const parsed = parseUpstreamUrl(value);
    return "wrong" in parsed ? fail(parsed.wrong) : parsed;
  },
);

/** Fields that frame a message or belong to one connection: only the proxy itself may write them. */
const FRAMING = new Set([...HOP_BY_HOP, "content-length", "host", "expect"]);
/** Fields the proxy writes on each try; a fixed value would be a lie. */
const OURS = new Set([
  "x-request-id",
  "x-timeout-ms",
  "x-retry-attempt",
  "x-max-attempts",
  "outrigger-outcome",
  "outrigger-in-doubt",
  "proxy-status",
]);

function checkHeaderName(name: string): string | null {
  if (!isToken(name)) return `${shown(name)} is no header name`;
  const lower = name.toLowerCase();
  if (FRAMING.has(lower)) return `${name} frames the message or belongs to one connection: only the proxy writes it`;
  return OURS.has(lower) ? `${name} is written by the proxy itself` : null;
}

export function checkHeaderValue(value: string): string | null {
  return isFieldValue(value) ? null : "a header value holds no line breaks, controls or characters beyond Latin-1";
}

const checkName = (name: string) => (isToken(name) ? null : `${shown(name)} is no header name`);
export const headerNameOf = (description: string) => text(description, checkName);
export const headerName = headerNameOf("A header name.");
export const settableName = text("A header name.", checkHeaderName);
const headerValue = text("A header value.", checkHeaderValue);
export const headerMap = (description: string) => mapOf(description, checkHeaderName, headerValue);
/** The same with values that `check` has its say on. */
export const headerMapOf = (description: string, check: (value: string) => string | null) =>
  mapOf(description, checkHeaderName, text("A header value.", check));

/** `200-399`, `204`, `200-299,404`. */
export const statusRanges = scalar(
  {
    description: "Statuses, as in 200-299 or 200-299,404.",
    anyOf: [
      { type: "integer", minimum: 100, maximum: 599 },
      { type: "string", pattern: "^[1-5]\\d\\d(-[1-5]\\d\\d)?(,\\s*[1-5]\\d\\d(-[1-5]\\d\\d)?)*$" },
    ],
  },
  (value, fail): readonly StatusRange[] => {
    // Not of whatever it is: a map has no prototype here, so that it can't be made a text.
    const written = typeof value === "string" || typeof value === "number" ? String(value) : "";
    const ranges = written.split(",").map((part) => {
      const [, from, to] = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(part) ?? [];
      return { from: Number(from), to: Number(to ?? from) };
    });
    const good = ranges.every((range) => range.from <= range.to);
    return good ? ranges : fail(`expected statuses such as 200-299 or 200-299,404, got ${shown(value)}`);
  },
);

export const status = (description: string, min = 200) =>
  scalar({ type: "integer", minimum: min, maximum: 599, description }, (value, fail) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= 599
      ? value
      : fail(`expected a status from ${min} to 599, got ${shown(value)}`),
  );

/** A status, a class such as 5xx, a kind, or an error code of an envelope. */
export const worthCode = scalar(
  {
    anyOf: [
      { type: "integer", minimum: 100, maximum: 599 },
      { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" },
    ],
  },
  (value, fail): WorthCode => {
    const code = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof code === "number" && Number.isInteger(code) && code >= 100 && code <= 599) return code;
    if (typeof code === "string" && /^[1-5]xx$/i.test(code)) return code.toLowerCase();
    if (typeof code === "string" && /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(code)) return code;
    return fail(
      `expected a status, a class such as 5xx, timeout, network, invalid_response or an error code; got ${shown(value)}`,
    );
  },
);

/** `host:port`, `[::1]:port` or `unix:/path.sock`; port 0 is any free one. */
export const address = (description: string) =>
  text(description, (value) =>
    parseAddress(value) === null
      ? `expected host:port (0 for any free port) or unix:/path.sock, got ${shown(value)}`
      : null,
  );

export function parseAddress(value: string): Address | null {
  if (value.startsWith("unix:")) return value.length > 5 ? { kind: "unix", path: value.slice(5) } : null;
  const [, host = "", port = ""] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value) ?? [];
  if (host === "" || Number(port) > 65535) return null;
  return { kind: "tcp", host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

export const method = text("A method.", (value) => {
  if (!isToken(value)) return `${shown(value)} is no method`;
  return /^(connect|trace)$/i.test(value) ? `${value} is never forwarded` : null;
});

/** `host` or `host:port`, lower case. */
export const hostPort = scalar(
  { type: "string", description: "The Host header, host or host:port." },
  (value, fail): string => {
    const good = typeof value === "string" && /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/.test(value);
    return good ? value.toLowerCase() : fail(`expected host or host:port, got ${shown(value)}`);
  },
);

export const matchHeaders = mapOf("Headers that must have exactly these values.", checkName, headerValue);

/** The simple form of a webhook. */
export const pathOrUrl = scalar(
  { type: "string", description: "A path on the app's upstreams, or a whole URL." },
  (value, fail) => {
    if (typeof value !== "string") return fail(`expected a path, a URL or a map, got ${shown(value)}`);
    if (!/^https?:/i.test(value)) return { path: wrongPath(value) === null ? value : fail(wrongPath(value) ?? "") };
    const url = parseUpstreamUrl(value);
    return "wrong" in url ? fail(url.wrong) : { url };
  },
);

export const durationOrNull = (value: unknown): number | null =>
  typeof value === "string" ? parseDuration(value) : null;
