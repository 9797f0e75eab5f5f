import { timingSafeEqual } from "node:crypto";
import { createHmacSha256, type HmacSha256, MAC_BYTES } from "../../core/hmac.ts";

/** What schemes by HMAC-SHA256 share. */

/** More than any sender in the middle of a change of keys; a header of thousands must not cost thousands of checks. */
export const MAX_SIGNATURES = 16;

/** Of secrets that are texts: their UTF-8 is the key. */
export function macsOf(secrets: readonly string[]): readonly HmacSha256[] {
  return secrets.map((secret) => createHmacSha256(Buffer.from(secret, "utf8")));
}

/** Does one of the keys make one of the MACs in `given`, each of {@link MAC_BYTES} bytes? Compares in constant time. */
export function anyMatches(
  macs: readonly HmacSha256[],
  prefix: string,
  body: Buffer,
  given: readonly Buffer[],
): boolean {
  for (const mac of macs) {
    const expected = mac.bytes(prefix, body);
    for (const one of given) if (timingSafeEqual(expected, one)) return true;
  }
  return false;
}

const HEX = /^[0-9A-Fa-f]{64}$/;

/** A MAC in hexadecimal, or null. */
export function hexMac(text: string): Buffer | null {
  return HEX.test(text) ? Buffer.from(text, "hex") : null;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Exactly `bytes` bytes in base64, or null. */
export function base64Of(text: string, bytes: number): Buffer | null {
  // Measured first, so that a long one costs nothing.
  if (text.length > 4 * Math.ceil(bytes / 3) || !BASE64.test(text)) return null;
  const decoded = Buffer.from(text, "base64");
  return decoded.length === bytes ? decoded : null;
}

/** A MAC in base64, or null. */
export function base64Mac(text: string): Buffer | null {
  return base64Of(text, MAC_BYTES);
}

const SECONDS = /^[1-9]\d{0,11}$/;

/**
 * Is a time in Unix seconds, as it was signed, at most `toleranceMs` from now? Both ways: a clock may be ahead, but one
 * far ahead would keep a stolen request good for as long. Null where it is no time.
 */
export function isTimely(text: string, wallMs: number, toleranceMs: number): boolean | null {
  if (!SECONDS.test(text)) return null;
  return Math.abs(Math.floor(wallMs / 1000) - Number(text)) * 1000 <= toleranceMs;
}
