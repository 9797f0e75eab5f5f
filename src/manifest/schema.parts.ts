import { z } from "zod";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

/**
 * The building blocks of the manifest's schema: each checks and converts one kind of value, says in words what it
 * expected, and carries the JSON Schema that editors use. Validation and JSON Schema have this one source.
 */

type Fail = (message: string) => never;

/** A value checked and converted by `parse`; `json` is its JSON Schema. */
export function scalar<T>(json: object, parse: (value: unknown, fail: Fail) => T) {
  return z
    .unknown()
    .transform((value, context): T => {
      const fail: Fail = (message) => {
        context.issues.push({ code: "custom", message, input: value });
        return z.NEVER;
      };
      return parse(value, fail);
    })
    .meta({ ...json });
}

/** A value as a problem shows it, on one line. Whole: it is shortened when secrets have been masked in it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** Milliseconds, between `min` and `max`. */
export function duration(description: string, min = 1, max = 3650 * 86_400_000) {
  const json = {
    anyOf: [
      { type: "integer", minimum: min, maximum: max },
      { type: "string", pattern: "^\\d+(\\.\\d+)?(ms|s|m|h|d)$|\\$\\{" },
    ],
    description,
  };
  return scalar(json, (value, fail) => {
    const ms = parseDuration(value);
    if (ms === null) {
      return fail(`expected a duration such as 250ms, 2s, 5m, or a number of milliseconds; got ${shown(value)}`);
    }
    if (ms < min) return fail(`expected at least ${formatDuration(min)}, got ${formatDuration(ms)}`);
    if (ms > max) return fail(`expected at most ${formatDuration(max)}, got ${formatDuration(ms)}`);
    return ms;
  });
}

/** Bytes, between `min` and `max`. */
export function size(description: string, min = 1, max = 2 ** 50) {
  const json = {
    anyOf: [
      { type: "integer", minimum: min, maximum: max },
      { type: "string", pattern: "^\\d+(\\.\\d+)?(B|KiB|MiB|GiB|TiB)$|\\$\\{" },
    ],
    description,
  };
  return scalar(json, (value, fail) => {
    const bytes = parseSize(value);
    if (bytes === null) {
      return fail(`expected a size such as 64KiB, 1MiB, or a number of bytes; got ${shown(value)}`);
    }
    if (bytes < min) return fail(`expected at least ${formatSize(min)}, got ${formatSize(bytes)}`);
    if (bytes > max) return fail(`expected at most ${formatSize(max)}, got ${formatSize(bytes)}`);
    return bytes;
  });
}

/** A number between `min` and `max`, whole unless `fraction` is set. */
export function number(description: string, min: number, max: number, fraction = false) {
  const kind = fraction ? "number" : "integer";
  const json = {
    anyOf: [
      { type: kind, minimum: min, maximum: max },
      { type: "string", pattern: "\\$\\{" },
    ],
    description,
  };
  return scalar(json, (value, fail) => {
    const good = typeof value === "number" && Number.isFinite(value) && (fraction || Number.isInteger(value));
    if (!good || value < min || value > max) {
      return fail(`expected a ${fraction ? "" : "whole "}number from ${min} to ${max}, got ${shown(value)}`);
    }
    return value;
  });
}

export function flag(description: string) {
  const json = { anyOf: [{ type: "boolean" }, { type: "string", pattern: "\\$\\{" }], description };
  return scalar(json, (value, fail) =>
    typeof value === "boolean" ? value : fail(`expected true or false, got ${shown(value)}`),
  );
}

/** One word of a closed list. */
export function choice<const T extends string>(description: string, values: readonly T[]) {
  const json = { anyOf: [{ enum: values }, { type: "string", pattern: "\\$\\{" }], description };
  return scalar(json, (value, fail): T => {
    const found = values.find((v) => v === value);
    return found ?? fail(`expected ${orList(values)}, got ${shown(value)}${suggestion(value, values)}`);
  });
}

/** Text of 1 to `max` characters; `check` gives what is wrong with it, or null. */
export function text(description: string, check: (value: string) => string | null = () => null, max = 8192) {
  return scalar({ type: "string", minLength: 1, description }, (value, fail): string => {
    if (typeof value !== "string") {
      const quote = typeof value === "number" || typeof value === "boolean" ? `; quote it: "${value}"` : "";
      return fail(`expected text, got ${shown(value)}${quote}`);
    }
    if (value === "") return fail("expected text, got an empty one");
    if (value.length > max) return fail(`expected at most ${max} characters, got ${value.length}`);
    const wrong = check(value);
    return wrong === null ? value : fail(wrong);
  });
}

/** In one map: whoever has more wrong than this has not mistyped a letter. */
const MAX_SUGGESTIONS = 20;

/** A map with exactly these keys; unknown ones are refused with the nearest known one. */
export function block<R extends z.ZodRawShape, O extends z.ZodRawShape>(description: string, required: R, optional: O) {
  const parts = Object.entries(optional).map(([key, schema]) => [key, z.optional(schema)]);
  const shape = { ...required, ...Object.fromEntries(parts) } as R & { [K in keyof O]: z.ZodOptional<O[K]> };
  const known = Object.keys(shape);
  return z
    .strictObject(shape, {
      error: (issue) => {
        if (issue.code !== "unrecognized_keys") return undefined;
        return JSON.stringify(
          issue.keys.map((key, i) => (i < MAX_SUGGESTIONS ? unknownKey(key, known) : "unknown key")),
        );
      },
    })
    .meta({ description });
}

function unknownKey(key: string, known: readonly string[]): string {
  if (key === "<<") return "YAML 1.2 has no merge keys: use defaults, capabilities, or keys of the app";
  const near = suggestion(key, known);
  if (near !== "") return `unknown key${near}`;
  return `unknown key; expected ${known.length > 12 ? "one of " : ""}${known.join(", ")}`;
}

/** A list of 1 to `max` items. */
export function list<T extends z.ZodType>(description: string, item: T, max: number, min = 1) {
  return z
    .array(item)
    .min(min, { error: `expected at least ${min === 1 ? "one item" : `${min} items`}` })
    .max(max, { error: `expected at most ${max} items` })
    .meta({ description });
}

/** A map from names to values; `check` gives what is wrong with a name, or null. */
export function mapOf<T extends z.ZodType>(description: string, check: (key: string) => string | null, value: T) {
  const key = z.string().superRefine((name, context) => {
    const wrong = check(name);
    if (wrong !== null) context.addIssue({ code: "custom", message: wrong });
  });
  const names = check === checkName ? key.meta({ pattern: NAME.source }) : key;
  return z.record(names, value).meta({ description });
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Names of apps, capabilities, upstreams, channels: they become paths, metric labels and file names. */
export function checkName(name: string): string | null {
  if (NAME.test(name)) return null;
  return `${shown(name)} is no name: expected 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit`;
}

function orList(values: readonly string[]): string {
  return values.length < 2 ? values.join("") : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
}

/** `; did you mean …?` where one of `known` is at most two edits away, else nothing. */
function suggestion(value: unknown, known: readonly string[]): string {
  if (typeof value !== "string" || value.length > 40) return "";
  let best: string | null = null;
  let least = value.length < 4 ? 2 : 3;
  for (const word of known) {
    if (Math.abs(word.length - value.length) >= least) continue;
    const d = editDistance(value.toLowerCase().replaceAll("-", "_"), word.toLowerCase().replaceAll("-", "_"));
    if (d < least) {
      least = d;
      best = word;
    }
  }
  return best === null ? "" : `; did you mean ${best}?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
