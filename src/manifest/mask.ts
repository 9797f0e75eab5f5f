import type { JsonValue } from "../core/settings.route.ts";
import type { Manifest } from "../core/settings.ts";

/** Keeps secrets out of everything that is shown: problems, `explain`, the admin API. */

const MASK = "***";

/** Shorter ones would blank out half of every text they are part of. */
const MIN_INSIDE_TEXT = 6;

/** What is a secret by its form, wherever it stands: a key of Standard Webhooks, user and password in a URL. */
const FORMS = [
  [/\bwh(?:sec|sk)_[A-Za-z0-9+/=_-]+/g, MASK],
  [/:\/\/[^@/\s"]+@/g, `://${MASK}@`],
] as const;

/**
 * Replaces known secrets in a text, and what looks like one; a short one only where it is the whole text or stands in
 * quotes.
 */
export type Mask = (text: string) => string;

export function createMask(secrets: Iterable<string>): Mask {
  // A problem shows values as JSON text, so a secret may stand there with its quotes and newlines escaped.
  const known = new Set([...secrets].flatMap((s) => [s, JSON.stringify(s).slice(1, -1)]).filter((s) => s !== ""));
  const long = [...known].filter((s) => s.length >= MIN_INSIDE_TEXT).sort((a, b) => b.length - a.length);
  const short = [...known].filter((s) => s.length < MIN_INSIDE_TEXT);
  return (text) => {
    if (known.has(text)) return MASK;
    let masked = text;
    for (const [form, instead] of FORMS) masked = masked.replace(form, instead);
    for (const secret of long) masked = masked.replaceAll(secret, MASK);
    for (const secret of short) masked = masked.replaceAll(`"${secret}"`, `"${MASK}"`);
    return masked;
  };
}

/** The manifest as JSON for people: secrets are `***`, a route names its app, a file's bytes are only counted. */
export function maskManifest(manifest: Manifest, mask: Mask): JsonValue {
  const routes = manifest.routes.map((route) => ({ ...route, app: route.app.name }));
  return maskJson({ ...manifest, routes }, mask);
}

/** Any settings as JSON with secrets masked. What is one object in them is looked at once, and one in the JSON. */
export function maskJson(settings: unknown, mask: Mask): JsonValue {
  const known = new WeakMap<object, JsonValue>();
  const maskAny = (value: unknown): JsonValue => {
    if (typeof value === "string") return mask(value);
    if (value === null || typeof value !== "object") return value as JsonValue;
    let masked = known.get(value);
    if (masked === undefined) {
      masked = maskObject(value);
      known.set(value, masked);
    }
    return masked;
  };
  const maskObject = (value: object): JsonValue => {
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    if (Array.isArray(value)) return value.map(maskAny);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, maskAny(inner)]));
  };
  return maskAny(settings);
}
