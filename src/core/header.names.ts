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

/** Programs send the same few names again and again. Whoever makes up many only empties the table. */
const MOST_KEPT = 1024;
const LONGEST_KEPT = 64;

const kept = new Map<string, FieldName>();

/** What is known of a name: worked out the first time it is seen, since each request brings the same ones. */
export function fieldName(name: string): FieldName {
  return kept.get(name) ?? keep(name);
}

function keep(name: string): FieldName {
  const spelled = interned(name);
  const lower = interned(name.toLowerCase());
  const found = {
    spelled,
    lower,
    dashed: interned(withDashes(lower)),
    hop: HOP_BY_HOP.has(lower) || lower.startsWith("proxy-"),
  };
  if (name.length > LONGEST_KEPT) return found;
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(spelled, found);
  return found;
}

/** The one copy of this text that the engine keeps for names of properties: two of those are compared by address. */
function interned(text: string): string {
  return Object.keys({ [text]: null })[0] as string;
}
