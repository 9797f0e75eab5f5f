import { type Refusal, refusal } from "./wire.refusal.ts";

/**
 * The request target, split and never rewritten: `path` and `query` are slices of the bytes that came. `query` holds
 * its `?`, and is empty where there was none.
 */
export interface Target {
  readonly kind: "origin" | "absolute";
  /** Of the absolute form, `host[:port]` as written; empty for the origin form. */
  readonly authority: string;
  readonly path: string;
  readonly query: string;
}

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?$/;

/** A dot segment, plain or encoded, between slashes, backslashes or their encodings, a path parameter after it or not. */
const DOT_SEGMENT = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=$|[/\\;]|%2f|%5c)/i;

export interface RefusedTarget {
  readonly kind: "refused";
  readonly refusal: Refusal;
}

const BAD_BYTE = refused("the request target holds a byte that must be encoded");
const FRAGMENT = refused("the request target holds a fragment");
const BACKSLASH = refused("the path holds a backslash");
const NUL = refused("the path holds an encoded NUL");
const DOTS = refused("the path holds a dot segment: send the path it stands for");
const FORM = refused("the request target must be a path, or an http URL for a host that a route names");

function refused(detail: string): RefusedTarget {
  return { kind: "refused", refusal: refusal(400, detail) };
}

/** Callers name the same host again and again: comparing with the last good one is ten times cheaper than looking. */
let lastGood = "";

/** Is this `host[:port]`: a name, an IPv4 address, or an IPv6 address in brackets? */
export function isHost(text: string): boolean {
  if (text === lastGood) return text !== "";
  const match = HOST.exec(text);
  if (match === null || Number(match[1] ?? 0) > 65_535) return false;
  lastGood = text;
  return true;
}

/**
 * Splits a request target of origin form (`//evil/x` is a path like any other) or of absolute form with `http:`, for
 * callers that use us as their `http_proxy`: the caller still has to ask whether a route names that authority.
 * Refused: every other form, dot segments, backslash, `%00`, fragments, and bytes that may not stand in a target.
 */
export function parseTarget(url: string): Target | RefusedTarget {
  if (url.charCodeAt(0) === SLASH) return split("origin", "", url);
  const scheme = /^http:\/\//i.exec(url);
  if (scheme === null) return FORM;
  const start = scheme[0].length;
  const length = url.slice(start).search(/[/?#]/);
  const authority = length === -1 ? url.slice(start) : url.slice(start, start + length);
  if (!isHost(authority)) return FORM;
  const rest = url.slice(start + authority.length);
  return split("absolute", authority, rest.startsWith("/") ? rest : `/${rest}`);
}

const SLASH = 0x2f;
const QUESTION = 0x3f;
const HASH = 0x23;
const BACK = 0x5c;
const DOT = 0x2e;
const PERCENT = 0x25;

/** One look at each byte; the dearer questions are asked only of paths that hold a dot or a percent sign. */
function split(kind: Target["kind"], authority: string, text: string): Target | RefusedTarget {
  let end = -1;
  let doubtful = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f) return BAD_BYTE;
    if (c === HASH) return FRAGMENT;
    if (end !== -1) continue;
    if (c === QUESTION) end = i;
    else if (c === BACK) return BACKSLASH;
    else if (c === DOT || c === PERCENT) doubtful = true;
  }
  const path = end === -1 ? text : text.slice(0, end);
  if (doubtful) {
    if (path.includes("%00")) return NUL;
    if (DOT_SEGMENT.test(path)) return DOTS;
  }
  return { kind, authority, path, query: end === -1 ? "" : text.slice(end) };
}
