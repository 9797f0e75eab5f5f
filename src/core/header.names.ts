/** A field name as somebody spelled it, with what every step on its way asks of it. */
export interface FieldName {
  readonly spelled: string;
  readonly lower: string;
  /** The name that some programs (CGI, WSGI) can't tell it from: lower case, underscores become dashes. */
  readonly dashed: string;
  /** For the next hop only: never forwarded. */
  readonly hop: boolean;
}

/**
 * Hop-by-hop fields of RFC 9110 section 7.6.1 and the older ones still seen; `Connection` names more at run time.
 * Whatever else begins with `Proxy-` is between proxies too, and stays behind: also an app's own `Proxy-Status`, which
 * a caller could take for ours.
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** The name that some programs (CGI, WSGI) can't tell `lowerName` from: underscores become dashes. */
export function withDashes(lowerName: string): string {
  return lowerName.includes("_") ? lowerName.replaceAll("_", "-") : lowerName;
}

/**
 * Of each of two generations. Programs send the same few names again and again: those pass from one to the next, while
 * what somebody made up goes with the one in which it came.
 */
const MOST_KEPT = 512;
const LONGEST_KEPT = 64;

let young = new Map<string, FieldName>();
let old: ReadonlyMap<string, FieldName> = young;

/** What is known of a name: worked out the first time it is seen, since each request brings the same ones. */
export function fieldName(name: string): FieldName {
  return young.get(name) ?? keep(name);
}

function keep(name: string): FieldName {
  if (name.length > LONGEST_KEPT) return worked(name, name.toLowerCase());
  const found = old.get(name) ?? worked(interned(name), interned(name.toLowerCase()));
  if (young.size >= MOST_KEPT) {
    old = young;
    young = new Map();
  }
  young.set(found.spelled, found);
  return found;
}

function worked(spelled: string, lower: string): FieldName {
  return { spelled, lower, dashed: withDashes(lower), hop: HOP_BY_HOP.has(lower) || lower.startsWith("proxy-") };
}

/** The one copy of this text that the engine keeps for names of properties: two of those are compared by address. */
function interned(text: string): string {
  // Without a prototype it is a dictionary: names that callers make up leave no trace in the engine's shapes.
  const names = Object.create(null) as Record<string, null>;
  names[text] = null;
  return Object.keys(names)[0] as string;
}
