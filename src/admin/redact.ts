import { isSecretName, type RawHeaders } from "../core/headers.ts";

/** What stands in a secret's place. */
export const REDACTED = "***";

/** The headers with `***` for every secret: so whoever looks sees that there was one, and no more. */
export function redactHeaders(headers: RawHeaders): string[] {
  return headers.map((text, i) => (i % 2 === 1 && isSecretName(headers[i - 1] ?? "") ? REDACTED : text));
}

/** The same for the query of a request target: webhooks are often given their secret there. */
export function redactQuery(target: string): string {
  const start = target.indexOf("?") + 1;
  if (start === 0) return target;
  const pairs = target
    .slice(start)
    .split("&")
    .map((pair) => {
      const [name = "", ...value] = pair.split("=");
      return value.length > 0 && isSecretName(decoded(name)) ? `${name}=${REDACTED}` : pair;
    });
  return target.slice(0, start) + pairs.join("&");
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
