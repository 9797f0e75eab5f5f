import { parsePointer } from "../core/pointer.ts";
import type { JsonObject, JsonValue } from "../core/settings.route.ts";

/**
 * Could checking a response against `schema` take more than about linear time in the response's size? Errs on the
 * side of yes. What is left over is a walk over the response for each part of the schema.
 */
export function isCostly(schema: JsonObject): boolean {
  return isRecursive(schema) || hasCostlyKeyword(schema);
}

/** Formats whose check is no regular expression, or one without a choice to take back. */
const CHEAP_FORMATS: ReadonlySet<JsonValue> = new Set([
  "date",
  "time",
  "date-time",
  "uuid",
  "ipv4",
  "email",
  "hostname",
  "int32",
  "int64",
]);
const SCALARS: ReadonlySet<JsonValue | undefined> = new Set(["string", "number", "integer", "boolean"]);
/** So few items may be compared each with each. */
const FEW_ITEMS = 1000;

// Names of properties are read as keywords too: a property called "pattern" costs a little time, no more.
function hasCostlyKeyword(value: JsonValue): boolean {
  if (!isContainer(value)) return false;
  if (Array.isArray(value)) return value.some(hasCostlyKeyword);
  const schema = value as JsonObject;
  return Object.entries(schema).some(([key, member]) => {
    if (key === "pattern") return typeof member !== "string" || !isLinearPattern(member);
    if (key === "patternProperties" && isContainer(member) && !Object.keys(member).every(isLinearPattern)) return true;
    if (key === "uniqueItems") return member !== false && !comparesCheaply(schema);
    if (key === "format") return !CHEAP_FORMATS.has(member);
    return hasCostlyKeyword(member);
  });
}

// Scalars of one type are compared through a table; anything else each with each.
function comparesCheaply({ items, maxItems }: JsonObject): boolean {
  if (typeof maxItems === "number" && maxItems <= FEW_ITEMS) return true;
  return isContainer(items) && !Array.isArray(items) && SCALARS.has((items as JsonObject).type);
}

/**
 * Anchored at its start, with one place at most where the matcher has a choice, and short: then a failed match has as
 * many ways to fail as the text has characters. Patterns of identifiers are like that.
 */
export function isLinearPattern(pattern: string): boolean {
  if (!pattern.startsWith("^") || pattern.length > 200 || /\\(?:[1-9]|k<)/.test(pattern)) return false;
  const bare = pattern
    .replace(/\\(?:[pPu]\{[^}]*\}|.)/gs, "x")
    .replace(/\[[^\]]*\]/g, "x")
    .replaceAll("(?:", "(")
    // A number of times is no choice, unless what is repeated holds one.
    .replace(/(?<!\))\{\d{1,2}\}/g, "");
  return !bare.includes("|") && (bare.match(/[*+?{]/g)?.length ?? 0) <= 1;
}

interface Reference {
  /** Where in the schema it stands. */
  readonly at: string;
  /** What it names, as a place in the schema. */
  readonly to: string;
}

/**
 * Does a reference lead back to itself? Such a schema goes as deep as the response says, and may branch on the way.
 * References that are no pointers into this schema (by anchor or id) count as leading back.
 */
function isRecursive(schema: JsonObject): boolean {
  const references: Reference[] = [];
  if (!collectReferences(schema, "", references)) return true;
  const seen = new Set<string>();
  const open = new Set<string>();
  const leadsBack = (place: string): boolean => {
    if (open.has(place)) return true;
    if (seen.has(place)) return false;
    seen.add(place);
    open.add(place);
    const back = references.some(({ at, to }) => isInside(at, place) && leadsBack(to));
    open.delete(place);
    return back;
  };
  // A target that holds its own reference is found from the target: every cycle passes through one.
  return references.some(({ to }) => leadsBack(to));
}

/** False where a reference can't be followed by its text alone. */
function collectReferences(value: JsonValue, at: string, out: Reference[]): boolean {
  if (!isContainer(value)) return true;
  return Object.entries(value).every(([key, member]: [string, JsonValue]) => {
    if (key === "$dynamicRef" || key === "$recursiveRef" || (key === "$id" && at !== "")) return false;
    if (key === "$ref" && typeof member === "string") {
      const to = placeNamed(member);
      if (to !== null) out.push({ at, to });
      return to !== null;
    }
    return collectReferences(member, at + escaped(key), out);
  });
}

function escaped(token: string): string {
  return `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The place that `#/a/b` names, or null where the text is no such reference. */
function placeNamed(reference: string): string | null {
  try {
    const tokens = reference.startsWith("#") ? parsePointer(decodeURIComponent(reference.slice(1))) : null;
    return tokens === null ? null : tokens.map(escaped).join("");
  } catch {
    return null;
  }
}

function isInside(place: string, outer: string): boolean {
  return place === outer || place.startsWith(`${outer}/`);
}

function isContainer(value: JsonValue | undefined): value is JsonObject | readonly JsonValue[] {
  return typeof value === "object" && value !== null;
}
