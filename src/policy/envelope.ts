import { isUtf8 } from "node:buffer";

/**
 * The envelope form of an answer: `{"success": true, "data": …}`, or `{"success": false, "error": {"code": "…"}}`.
 */
export type Envelope =
  | { readonly success: true }
  | { readonly success: false; readonly code: string; readonly retryable: boolean };

/** A body as a JSON value, or undefined where it is none: not JSON, not UTF-8 (RFC 8259 section 8.1), or compressed. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) return undefined;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Reads a JSON value that has exactly the form of an envelope (more keys do no harm); null for any other. */
export function envelopeOf(value: unknown): Envelope | null {
  if (!isObject(value) || !Object.hasOwn(value, "success")) return null;
  if (value.success === true) return Object.hasOwn(value, "data") ? SUCCESS : null;
  if (value.success !== false || !Object.hasOwn(value, "error")) return null;
  const error = value.error;
  if (!isObject(error) || !Object.hasOwn(error, "code") || typeof error.code !== "string") return null;
  return { success: false, code: error.code, retryable: error.retryable === true };
}

const SUCCESS: Envelope = { success: true };

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const FALSE = Buffer.from("false");
const SUCCESS_KEY = Buffer.from('"success"');
const ERROR_KEY = Buffer.from('"error"');
const ESCAPE = Buffer.from("\\u");
const OPEN_OBJECT = 0x7b;

/**
 * Could `body` be an envelope that says no? Never false for one that does. It spares nearly every good answer the
 * parsing: a failure begins with `{` and holds `false` and both keys, unless it spells them with escapes.
 */
export function mayBeFailure(body: Buffer): boolean {
  let i = 0;
  while (isSpace(body[i])) i++;
  if (body[i] !== OPEN_OBJECT || !body.includes(FALSE)) return false;
  return (body.includes(ERROR_KEY) && body.includes(SUCCESS_KEY)) || body.includes(ESCAPE);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
