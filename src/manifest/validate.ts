import type { z } from "zod";
import { shown } from "./schema.parts.ts";

/** One thing the schema does not allow: where, and what to say. */
export interface Issue {
  readonly path: readonly PropertyKey[];
  /** Is it about the key itself, as when it is unknown? Else about its value. */
  readonly about: "key" | "value";
  readonly message: string;
}

export interface Validated<T> {
  /** What is left when everything wrong is taken out; null when nothing is. */
  readonly value: T | null;
  readonly issues: readonly Issue[];
}

type RawIssue = z.core.$ZodIssue;

const MAX_ROUNDS = 6;

/**
 * Checks `input` and gives back both all that is wrong and what remains without it, so that the other proofs can go
 * on with the parts that are fine. `input` is changed: what is wrong is cut out of it.
 */
export function validate<S extends z.ZodType>(schema: S, input: unknown): Validated<z.output<S>> {
  let issues: readonly Issue[] | null = null;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const parsed = schema.safeParse(input);
    if (parsed.success) return { value: parsed.data, issues: issues ?? [] };
    const found = parsed.error.issues.flatMap((issue) => flatten(issue, [], input));
    // Later rounds only see what cutting laid bare, such as a key that is missing now: no news for the reader.
    issues ??= found;
    for (const issue of found.toSorted((a, b) => comparePaths(b.path, a.path))) {
      if (issue.path.length === 0) return { value: null, issues };
      cut(input, issue.path);
    }
  }
  return { value: null, issues: issues ?? [] };
}

/** Later list items first, so that cutting one does not move those still to be cut. */
function comparePaths(a: readonly PropertyKey[], b: readonly PropertyKey[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i], b[i]];
    if (x === y) continue;
    return typeof x === "number" && typeof y === "number" ? x - y : String(x) < String(y) ? -1 : 1;
  }
  return a.length - b.length;
}

function cut(input: unknown, path: readonly PropertyKey[]): void {
  const parent = at(input, path.slice(0, -1));
  const key = path.at(-1);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (isMap(parent) && String(key) in parent) delete parent[String(key)];
  // The key is missing: then the whole map that lacks it goes.
  else if (path.length > 1) cut(input, path.slice(0, -1));
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}

const isMap = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === "object";

function flatten(issue: RawIssue, before: readonly PropertyKey[], input: unknown): Issue[] {
  const path = [...before, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys": {
      const messages = JSON.parse(issue.message) as readonly string[];
      return issue.keys.map((key, i) => ({
        path: [...path, key],
        about: "key",
        message: messages[i] ?? "unknown key",
      }));
    }
    case "invalid_key":
      return [{ path, about: "key", message: issue.issues[0]?.message ?? "no valid name" }];
    case "invalid_union":
      return flattenUnion(issue, path, input);
    case "invalid_type":
      return [{ path, about: "value", message: wrongType(issue.expected, at(input, path), path) }];
    case "invalid_value":
      return [
        {
          path,
          about: "value",
          message: `expected ${issue.values.map(String).join(" or ")}, got ${shown(at(input, path))}`,
        },
      ];
    default:
      return [{ path, about: "value", message: missing(at(input, path), path) ?? issue.message }];
  }
}

function missing(value: unknown, path: readonly PropertyKey[]): string | null {
  return value === undefined ? `the key ${String(path.at(-1))} is missing` : null;
}

function wrongType(expected: string, value: unknown, path: readonly PropertyKey[]): string {
  const kinds: Readonly<Record<string, string>> = { object: "a map", record: "a map", array: "a list", string: "text" };
  // Quoted it would help nobody, and what is written in the place of `sign` or `admin.tokens` is often the secret itself.
  const got = typeof value === "string" ? "text" : shown(value);
  return missing(value, path) ?? `expected ${kinds[expected] ?? expected}, got ${got}`;
}

/** Of the forms a value may have, the one whose author meant it: the form that got past the value's own kind. */
function flattenUnion(
  issue: RawIssue & { code: "invalid_union" },
  path: readonly PropertyKey[],
  input: unknown,
): Issue[] {
  const value = at(input, path);
  if ("discriminator" in issue && typeof issue.discriminator === "string") {
    const options = (issue as { options?: readonly unknown[] }).options ?? [];
    const said = value === undefined ? `the key ${issue.discriminator} is missing` : `got ${shown(value)}`;
    return [{ path, about: "value", message: `expected ${options.map(String).join(", ")}; ${said}` }];
  }
  const forms = issue.errors.filter((errors) => errors.length > 0);
  const wanted = isMap(value) ? (Array.isArray(value) ? "list" : "map") : "scalar";
  const meant =
    forms.find((errors) => !errors.some((e) => e.path.length === 0 && formOf(e) !== wanted)) ?? forms[0] ?? [];
  return meant.flatMap((e) => flatten(e, path, input));
}

/** Which kind of value the form that raised `e` at its root is for. */
function formOf(e: RawIssue): "map" | "list" | "scalar" {
  if (e.code === "unrecognized_keys" || e.code === "invalid_union") return "map";
  if (e.code === "invalid_type") return e.expected === "array" ? "list" : e.expected === "object" ? "map" : "scalar";
  return e.code === "too_small" || e.code === "too_big" ? "list" : "scalar";
}
