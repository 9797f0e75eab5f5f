import { isSecretName, type RawHeaders } from "./headers.ts";

/** What stands in a secret's place. */
export const REDACTED = "***";

/** The headers with `***` for every secret: so whoever looks sees that there was one, and no more. */
export function redactHeaders(headers: RawHeaders): string[] {
  return headers.map((text, i) => (i % 2 === 1 && isSecretName(headers[i - 1] ?? "") ? REDACTED : text));
}

/** A JSON value with `***` for whatever stands under a secret's name. */
export function redactJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactJson);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [
      name,
      isSecretName(name) && inner !== null ? REDACTED : redactJson(inner),
    ]),
  );
}
