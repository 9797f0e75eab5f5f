import { hash } from "node:crypto";
import type { RawHeaders } from "../core/headers.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { IdempotencyKey } from "../spool/port.ts";

export type IdempotencySettings = NonNullable<RouteSettings["idempotency"]>;

/** Why a key can't be taken. Ignoring it instead would do the work twice for a caller who trusts that we don't. */
export type KeyProblem = "repeated" | "too_long";

export const MAX_KEY_BYTES = 255;

/**
 * The key of a request, ready for a store: null where the caller sent none, or an empty one. `body` is the raw body.
 * The caller's Authorization is part of it, so that nobody gets the answer of somebody else by guessing a key.
 */
export function idempotencyKey(
  headers: RawHeaders,
  settings: IdempotencySettings,
  body: Uint8Array,
): Result<IdempotencyKey | null, KeyProblem> {
  let key: string | null = null;
  const credentials: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    if (name === "authorization") credentials.push(value);
    if (name !== settings.header) continue;
    if (key !== null) return err("repeated");
    key = value;
  }
  if (key === null || key === "") return ok(null);
  // Header values are latin-1: a character is a byte.
  if (key.length > MAX_KEY_BYTES) return err("too_long");
  return ok({
    hash: digest([key, ...credentials]),
    bodyHash: hash("sha256", body, "base64url"),
    ttlMs: settings.ttlMs,
  });
}

/** The lengths keep ["a", "bc"] and ["ab", "c"] apart. */
function digest(parts: readonly string[]): string {
  return hash("sha256", parts.map((part) => `${part.length}:${part}`).join(""), "base64url");
}
