import { fieldName, HOP_BY_HOP, withDashes } from "./header.names.ts";

/**
 * Header lists as they are on the wire: a flat array `[name, value, name, value, …]`, names in the sender's
 * spelling, repeated ones kept in order. The request path copies them raw to raw; no header object is built.
 */
export type RawHeaders = readonly string[];

/** The first value of `lowerName`, or undefined. Comparison ignores case, as RFC 9110 section 5.1 says. */
export function headerValue(headers: RawHeaders, lowerName: string): string | undefined {
  const length = lowerName.length;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === length && name.toLowerCase() === lowerName) return headers[i + 1];
  }
  return undefined;
}

/** The value of a field that must be there exactly once: undefined where it is not there, null where it is repeated. */
export function soleValue(headers: RawHeaders, lowerName: string): string | null | undefined {
  let value: string | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== lowerName.length || name.toLowerCase() !== lowerName) continue;
    if (value !== undefined) return null;
    value = headers[i + 1];
  }
  return value;
}

/** How many times `lowerName` is there. */
export function headerCount(headers: RawHeaders, lowerName: string): number {
  let count = 0;
  for (let i = 0; i + 1 < headers.length; i += 2) if ((headers[i] as string).toLowerCase() === lowerName) count++;
  return count;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Is this a header name (a token, RFC 9110 section 5.6.2)? */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Credentials and signatures, by the words that their names are made of. */
const SECRET =
  /authorization|cookie|signature|hmac|token|secret|passw|credential|(?:api|access|private|signing)-?key|(?:^|-)(?:auth|jwt|sig|pwd)(?:-|$)|^key$/i;

/**
 * Does a field or parameter of this name hold a secret? Then it is never shown, and sealed where it is stored. Some
 * programs write `X_Api_Key` for `X-Api-Key`.
 */
export function isSecretName(name: string): boolean {
  return SECRET.test(withDashes(name));
}

const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** May this be sent as a header value (RFC 9110 section 5.5: no CR, LF, NUL or other controls)? */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}

/**
 * What Node's and undici's parser takes for chunks in an answer's `Transfer-Encoding`, to the byte: white space before
 * the value it has passed over, behind it it passes over spaces alone. With a tab there, `chunked` is to it a coding
 * that it does not know, and the chunks are a body.
 */
export const CHUNKED = /^chunked *$/i;

/**
 * The end-to-end fields of `raw`, in order and spelling: without hop-by-hop ones, without what a `Connection` header
 * names, without names in `drop` (lower case, with dashes). One pass where no `Connection` header names anything
 * unusual.
 */
export function endToEnd(raw: RawHeaders, drop: ReadonlySet<string>): string[] {
  return sift(raw, drop, ignore, undefined);
}

function ignore(): void {}

/** The same, and in the same pass each end-to-end field, dropped ones too, and the framing is shown to `note`. */
export function sift<T>(
  raw: RawHeaders,
  drop: ReadonlySet<string>,
  note: (target: T, lowerName: string, value: string) => void,
  target: T,
): string[] {
  const kept: string[] = [];
  let named: Set<string> | null = null;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = fieldName(raw[i] as string);
    const value = raw[i + 1] as string;
    if (name.hop) {
      if (name.lower === "transfer-encoding") note(target, name.lower, value);
      else if (name.lower === "connection") named = alsoNamed(value, named);
      continue;
    }
    note(target, name.lower, value);
    // Some programs read `X_Env` as `X-Env`: a copy under that name goes with it.
    if (!drop.has(name.dashed)) kept.push(name.spelled, value);
  }
  return named === null ? kept : without(kept, named);
}

/** What a `Connection` header names, in lower case: fields that end here, and words as `close`. */
export function connectionNames(value: string): string[] {
  return value.split(",").map((part) => part.trim().toLowerCase());
}

// `keep-alive` and `close` are what nearly every Connection header says; they name no field we would forward.
function alsoNamed(value: string, named: Set<string> | null): Set<string> | null {
  if (value === "keep-alive" || value === "close") return named;
  for (const name of connectionNames(value)) {
    if (name !== "" && name !== "close" && !HOP_BY_HOP.has(name)) {
      named ??= new Set();
      named.add(name);
    }
  }
  return named;
}

function without(headers: string[], lowerNames: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!lowerNames.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}
