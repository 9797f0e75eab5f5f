import { isSecretName } from "../core/headers.ts";
import type { JsonValue } from "../core/settings.route.ts";
import type { Manifest } from "../core/settings.ts";
import type { Node } from "./tree.ts";

/** Which texts of a manifest are secrets, by the meaning of their key, however they were written there. */

/** Every secret of a manifest that was read to its end. */
export function secretsOf(manifest: Manifest): Set<string> {
  const secrets = new Set<string>();
  for (const { token } of manifest.admin.tokens) secrets.add(token);
  for (const { sign } of manifest.apps) for (const secret of sign?.secrets ?? []) secrets.add(secret);
  for (const { inbound, headers, match, fallback } of manifest.routes) {
    for (const secret of inbound?.secrets ?? []) secrets.add(secret);
    for (const [name, value] of [...headers.set, ...match.headers]) addHeader(name, value, secrets);
    for (const one of fallback)
      if (one.strategy === "static") for (const [name, value] of one.headers) addHeader(name, value, secrets);
  }
  if (manifest.redis) addPassword(manifest.redis.url, secrets);
  for (const channel of manifest.notify.channels) {
    if (channel.type === "email") addPassword(channel.smtp, secrets);
    else addTarget(channel.url, secrets);
    if ("secret" in channel && channel.secret !== null) secrets.add(channel.secret);
    if ("headers" in channel) for (const [name, value] of channel.headers) addHeader(name, value, secrets);
    if ("body" in channel) addNamed(channel.body, secrets);
  }
  return secrets;
}

/** Keys of the manifest whose value is a secret, whatever is wrong with its form. */
const KEYS: ReadonlySet<string> = new Set(["secret", "secrets", "token", "password"]);
/** Maps whose keys say whether the value is a secret: fields and, of what notifications send, members of JSON. */
const FIELDS: ReadonlySet<string> = new Set(["headers", "set"]);
/** Maps whose keys are names of things, and say nothing: an app may be called token. */
const NAMES: ReadonlySet<string> = new Set(["apps", "webhooks", "capabilities", "context", "channels"]);

/**
 * The same of a file as it is written: what is refused never comes into a manifest, and is quoted when it is. Here a
 * name may be a secret, too: `secrets: {abc}` is a map with the key `abc`.
 */
export function secretsIn(root: Node): Set<string> {
  const secrets = new Set<string>();
  const walk = (node: Node, path: readonly string[], hidden: boolean): void => {
    if (node.kind === "scalar") {
      const text = scalarText(node.value);
      if (text === null) return;
      if (hidden) addHeaderValue(text, secrets);
      else if (isChannelUrl(path)) addTarget(text, secrets);
      else addPassword(text, secrets);
    } else if (node.kind === "list") {
      for (const item of node.items) walk(item, path, hidden);
    } else {
      for (const [key, { node: inner }] of node.entries) {
        if (hidden) secrets.add(key);
        addLine(key, secrets);
        walk(inner, [...path, key], hidden || isSecretAt(path, key));
      }
    }
  };
  walk(root, [], false);
  return secrets;
}

function isSecretAt(path: readonly string[], key: string): boolean {
  const parent = path.at(-1) ?? "";
  if (NAMES.has(parent)) return false;
  const told = path[0] === "notify" && path.includes("body");
  const answered = path.includes("fallback") && path.includes("body");
  return told || FIELDS.has(parent) ? isSecretField(key) : !answered && KEYS.has(key);
}

function isChannelUrl([notify, channels, , key, ...more]: readonly string[]): boolean {
  return notify === "notify" && channels === "channels" && key === "url" && more.length === 0;
}

/** Numbers too: a token of digits alone, without quotes, is one to YAML. */
function scalarText(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

/** Of what an operator writes, also `X-Key` and `routing_key`; an `Idempotency-Key` that is always the same is rare. */
function isSecretField(name: string): boolean {
  return isSecretName(name) || /key/i.test(name);
}

/** A name and its value in the place of the name: a header line, or a key without the space after its colon. */
function addLine(text: string, secrets: Set<string>): void {
  const [, name = "", value] = /^([^:]+):\s*(.+)$/.exec(text) ?? [];
  if (value !== undefined) addHeader(name, value, secrets);
}

function addHeader(name: string, value: string, secrets: Set<string>): void {
  if (isSecretField(name)) addHeaderValue(value, secrets);
}

/** And what of it is a secret by itself: the token after `Bearer`, what `Basic` encodes, and the password in that. */
function addHeaderValue(value: string, secrets: Set<string>): void {
  if (isTemplate(value)) return;
  secrets.add(value);
  const [, scheme = "", rest] = /^([A-Za-z]+) +(\S+)$/.exec(value) ?? [];
  if (rest === undefined) return;
  secrets.add(rest);
  if (scheme.toLowerCase() !== "basic") return;
  const pair = Buffer.from(rest, "base64").toString();
  secrets.add(pair).add(pair.slice(pair.indexOf(":") + 1));
}

/** What stands under a secret's name in a JSON body, such as a routing key. */
function addNamed(value: JsonValue, secrets: Set<string>): void {
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner !== "string") addNamed(inner, secrets);
    else if (isSecretField(name)) addHeaderValue(inner, secrets);
  }
}

function isTemplate(text: string): boolean {
  return /\{(?:event|label|body|header):/.test(text);
}

/** Shorter parts of a URL are words. */
const SHORTEST_PART = 16;

/** Chat services put the credential into the path of the URL, others into its query. */
function addTarget(url: string, secrets: Set<string>): void {
  secrets.add(url);
  addPassword(url, secrets);
  const parts = url.replace(/^[a-z]+:\/\/[^/?]*/i, "").split(/[/?&=]/);
  for (const part of parts) if (part.length >= SHORTEST_PART && !isTemplate(part)) secrets.add(part);
}

function addPassword(url: string, secrets: Set<string>): void {
  const [, userinfo = ""] = /^[a-z][a-z0-9+.-]*:\/\/([^@/\s]*)@/i.exec(url) ?? [];
  if (userinfo === "") return;
  const colon = userinfo.indexOf(":");
  secrets.add(userinfo);
  if (colon === -1) return;
  const password = userinfo.slice(colon + 1);
  // A server may say it as it is sent: decoded.
  secrets.add(password).add(decodedPart(password));
}

function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
