import { createHash } from "node:crypto";

/**
 * One object for all values of equal content: most routes differ in little, and what is one object is compiled, compared
 * and kept once.
 */
export interface Share {
  /** The first value that was given of this content. Never change one: others have it too. */
  of<T>(value: T): T;
  /** The same of a value that nobody gives again: it need not be remembered which one it was. */
  once<T>(value: T): T;
  /** All that was asked for, and nothing else: for the share of the next manifest. */
  readonly known: Known;
}

/** Values by their content. */
export type Known = Pick<ReadonlyMap<string, object>, "get">;

/** What is in `before` stays the same object. To let go of the rest, keep what is `known` and not the share. */
export function createShare(before: Known = new Map()): Share {
  const known = new Map<string, object>();
  const found = new WeakMap<object, object>();
  const sharedOf = (value: object): object => {
    const key = short(contentOf(value));
    const shared = known.get(key) ?? before.get(key) ?? value;
    known.set(key, shared);
    return shared;
  };
  return {
    known,
    of<T>(value: T): T {
      if (value === null || typeof value !== "object") return value;
      let shared = found.get(value);
      if (shared !== undefined) return shared as T;
      shared = sharedOf(value);
      found.set(value, shared);
      found.set(shared, shared);
      return shared as T;
    },
    once: <T>(value: T): T => (value === null || typeof value !== "object" ? value : (sharedOf(value) as T)),
  };
}

/** Equal for equal settings whose keys come in one order. JSON would call Infinity null, and write out all bytes. */
function contentOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return String(value);
  if (value instanceof Uint8Array) return `bytes ${createHash("sha256").update(value).digest("base64url")}`;
  if (Array.isArray(value)) return `[${value.map(contentOf).join()}]`;
  let text = "{";
  for (const key in value) text += `${JSON.stringify(key)}:${contentOf((value as Record<string, unknown>)[key])},`;
  return `${text}}`;
}

const LONGEST_KEY = 128;

/** Of a long one only the digest is kept: an app's settings are a kilobyte. */
function short(content: string): string {
  return content.length <= LONGEST_KEY ? content : createHash("sha256").update(content).digest("base64url");
}
