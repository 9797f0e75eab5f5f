import type { JsonValue } from "../core/settings.route.ts";
import type { Manifest } from "../core/settings.ts";

/** Keeps secrets out of everything that is shown: problems, `explain`, the admin API. */

const MASK = "***";

/** Shorter ones would blank out half of every text they are part of. */
const MIN_INSIDE_TEXT = 6;

/** Replaces known secrets in a text; a short one only where it is the whole text or stands in quotes. */
export type Mask = (text: string) => string;

export function createMask(secrets: Iterable<string>): Mask {
  // A problem shows values as JSON text, so a secret may stand there with its quotes and newlines escaped.
  const known = new Set([...secrets].flatMap((s) => [s, JSON.stringify(s).slice(1, -1)]).filter((s) => s !== ""));
  const long = [...known].filter((s) => s.length >= MIN_INSIDE_TEXT).sort((a, b) => b.length - a.length);
  const short = [...known].filter((s) => s.length < MIN_INSIDE_TEXT);
  return (text) => {
    if (known.has(text)) return MASK;
    let masked = text;
    for (const secret of long) masked = masked.replaceAll(secret, MASK);
    for (const secret of short) masked = masked.replaceAll(`"${secret}"`, `"${MASK}"`);
    return masked;
  };
}

const SECRET_HEADER = /^(authorization|cookie|x-api-key|api-key)$|token|secret|key|password|signature/i;

/** Every secret that a manifest holds by the meaning of its key, however it was written there. */
export function secretsOf(manifest: Manifest): Set<string> {
  const secrets = new Set<string>();
  for (const { token } of manifest.admin.tokens) secrets.add(token);
  for (const { sign } of manifest.apps) for (const secret of sign?.secrets ?? []) secrets.add(secret);
  for (const { inbound, headers } of manifest.routes) {
    for (const secret of inbound?.secrets ?? []) secrets.add(secret);
    for (const [name, value] of headers.set) if (SECRET_HEADER.test(name)) secrets.add(value);
  }
  if (manifest.redis) addPassword(manifest.redis.url, secrets);
  for (const channel of manifest.notify.channels) {
    if (channel.type === "email") addPassword(channel.smtp, secrets);
    // Chat services put the credential into the path of the URL.
    else secrets.add(channel.url);
    if ("secret" in channel && channel.secret !== null) secrets.add(channel.secret);
    if ("headers" in channel)
      for (const [name, value] of channel.headers) if (SECRET_HEADER.test(name)) secrets.add(value);
    if ("body" in channel) addNamed(channel.body, secrets);
  }
  return secrets;
}

/** What stands under a secret's name in a JSON body, such as a routing key; a template is none. */
function addNamed(value: JsonValue, secrets: Set<string>): void {
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner !== "string") addNamed(inner, secrets);
    else if (SECRET_HEADER.test(name) && !inner.includes("{")) secrets.add(inner);
  }
}

function addPassword(url: string, secrets: Set<string>): void {
  const [, userinfo] = /^[a-z]+:\/\/([^@/]*)@/i.exec(url) ?? [];
  if (userinfo !== undefined && userinfo !== "") secrets.add(userinfo);
}

/** The manifest as JSON for people: secrets are `***`, a route names its app, a file's bytes are only counted. */
export function maskManifest(manifest: Manifest, mask: Mask): JsonValue {
  const routes = manifest.routes.map((route) => ({ ...route, app: route.app.name }));
  return maskJson({ ...manifest, routes }, mask);
}

/** Any settings as JSON with secrets masked. */
export function maskJson(value: unknown, mask: Mask): JsonValue {
  if (typeof value === "string") return mask(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map((item) => maskJson(item, mask));
  if (value === null || typeof value !== "object") return value as JsonValue;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, maskJson(inner, mask)]));
}
