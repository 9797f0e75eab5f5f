import { isSecretName } from "../core/headers.ts";
import { REDACTED } from "../core/redact.ts";

/** `***` for every secret in the query of a request target: webhooks are often given their secret there. */
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
