import { isUtf8 } from "node:buffer";
import type { Labels } from "../core/events.ts";
import type { Exchange } from "../core/exchange.ts";
import { headerValue } from "../core/headers.ts";
import { jsonAt } from "../core/jsontext.ts";
import { parsePointer } from "../core/pointer.ts";
import type { ValueRef } from "../core/settings.route.ts";
import type { AppSettings } from "../core/settings.ts";

/** Values taken from a request: `{body:/pointer}` and `{header:Name}`. */

/** A larger body is not read as JSON: parsing it would hold up every other request. */
export const MAX_JSON_BYTES = 8 * 1024 * 1024;
/** In UTF-16 code units. */
export const MAX_LABEL_LENGTH = 128;

const NO_LABELS: Labels = Object.freeze({});
// Kept beside the exchange, not in it: only routes that look into bodies pay for it.
const bodies = new WeakMap<Exchange, string | null>();

/** The request body as JSON text, or null where it is none. Checked once a request. */
export function jsonBody(x: Exchange): string | null {
  let text = bodies.get(x);
  if (text === undefined) {
    text = jsonText(x.body);
    bodies.set(x, text);
  }
  return text;
}

/** The same of any bytes. */
export function jsonText(body: Buffer): string | null {
  if (body.length === 0 || body.length > MAX_JSON_BYTES || !isUtf8(body)) return null;
  const text = body.toString("utf8");
  try {
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}

/** The JSON text of a value of the request: a header as a JSON string, a part of the body exactly as it was sent. */
export type JsonReader = (x: Exchange) => string | undefined;

/** Compiles `ref` for use on many requests. A pointer that is none reads nothing; the manifest refuses it before. */
export function compileJsonReader(ref: ValueRef): JsonReader {
  if (ref.kind === "header") {
    return (x) => {
      const value = headerValue(x.headers, ref.name);
      return value === undefined ? undefined : JSON.stringify(value);
    };
  }
  const tokens = parsePointer(ref.pointer);
  return (x) => {
    const text = tokens === null ? null : jsonBody(x);
    return text === null || tokens === null ? undefined : jsonAt(text, tokens);
  };
}

/** A scalar's text: strings unquoted, numbers as they were spelled, `true`, `false`. Other JSON is undefined. */
export function scalarText(json: string): string | undefined {
  switch (json[0]) {
    case '"':
      return JSON.parse(json) as string;
    case "{":
    case "[":
    case "n":
      return undefined;
    default:
      return json;
  }
}

/** Reads a scalar value of a request as text, whole and unchanged; undefined where there is none. */
export function compileValueRef(ref: ValueRef): (x: Exchange) => string | undefined {
  if (ref.kind === "header") return (x) => headerValue(x.headers, ref.name);
  const read = compileJsonReader(ref);
  return (x) => {
    const json = read(x);
    return json === undefined ? undefined : scalarText(json);
  };
}

/**
 * Compiles `context` of an app: the labels of a request for events, logs and notifications. Values are bounded
 * and hold no control characters, since they end in terminals, mails and files; empty ones are left out.
 */
export function contextLabels(context: AppSettings["context"]): (x: Exchange) => Labels {
  if (context.length === 0) return () => NO_LABELS;
  const readers = context.map(({ label, from }) => ({ label, read: compileValueRef(from) }));
  return (x) => {
    let labels: Record<string, string> | null = null;
    for (const { label, read } of readers) {
      const value = read(x);
      const clean = value === undefined ? "" : cleanLabel(value);
      if (clean === "") continue;
      labels ??= Object.create(null) as Record<string, string>;
      labels[label] = clean;
    }
    return labels ?? NO_LABELS;
  };
}

function cleanLabel(value: string): string {
  const clean = value
    .slice(0, 8 * MAX_LABEL_LENGTH)
    .replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "")
    .slice(0, MAX_LABEL_LENGTH);
  // The cut may have split a pair of surrogates, and a JSON string may hold half of one.
  return clean.toWellFormed();
}
