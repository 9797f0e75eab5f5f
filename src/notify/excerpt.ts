import type { Call } from "./call.ts";

export type Mask = (text: string) => string;

const LONGEST = 200;
/** Of these, what stands in an answer too is no secret of ours … */
const PLAIN_HEADERS: ReadonlySet<string> = new Set(["user-agent", "content-type", "accept"]);
/** … nor are words that are shorter than any credential. */
const SHORTEST_WORD = 6;
const SHORTEST_SEGMENT = 16;

/**
 * The beginning of an answer as a log may hold it: one line of plain characters. Endpoints echo what they were sent,
 * so what may be a credential in the call is taken out, as are the secrets of the manifest.
 */
export function excerpt(answer: string, call: Call, mask: Mask): string | null {
  let text = mask(answer);
  for (const secret of secretsOf(call)) text = text.replaceAll(secret, "***");
  const line = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return line === "" ? null : line.slice(0, LONGEST);
}

/** The longest first: one may hold another. */
function secretsOf({ target, headers }: Call): string[] {
  const [path = "", ...query] = target.split("?");
  const words = query.join("?").split(/[&=]/);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] ?? "";
    // As in `Bearer TOKEN`: the endpoint may well name the token alone.
    if (!PLAIN_HEADERS.has(headers[i]?.toLowerCase() ?? "")) words.push(value, ...value.split(" "));
  }
  const segments = path.split("/").filter((segment) => segment.length >= SHORTEST_SEGMENT);
  const found = [...words.filter((word) => word.length >= SHORTEST_WORD), ...segments];
  if (query.length > 0) found.push(target);
  return [...new Set([...found, ...found.map(decoded)])].sort((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
