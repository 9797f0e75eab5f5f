import type { Document } from "./document.ts";
import type { Layer, LayerSource } from "./layers.ts";
import { modeOf } from "./layers.ts";
import type { Entry } from "./schema.ts";

/** Which layer set a value, found when asked: nothing about it is kept while loading. */

export interface Found<D = Document<unknown>> {
  readonly layer: LayerSource<D>;
  /** For a file: the whole path in the document. For a variable or a built-in value: the path in the entry. */
  readonly path: readonly PropertyKey[];
}

/** Keys that a layer sets with everything in them: a value inside comes from wherever the whole does. */
const WHOLE: ReadonlySet<PropertyKey> = new Set(["fallback", "match", "verify", "order_by", "inbound"]);

/** Which of `layers` (weakest first) gave the value at `path`, as in `["retry", "attempts"]`. */
export function originOf<D>(layers: readonly Layer<D>[], path: readonly PropertyKey[]): Found<D> {
  for (const { entry, from } of layers.toReversed()) {
    const found = pathIn(entry, path);
    if (found === null) continue;
    return from.kind === "file" ? { layer: from, path: [...from.path, ...found] } : { layer: from, path: found };
  }
  return { layer: { kind: "built-in" }, path };
}

/** The path that this entry sets the value with, or null where it leaves it alone. */
function pathIn(entry: Entry, path: readonly PropertyKey[]): readonly PropertyKey[] | null {
  const [first = ""] = path;
  if (first === "mode") return modeOf(entry) === undefined ? null : [entry.mode === undefined ? "async" : "mode"];
  if (first === "path" || first === "url") {
    if (entry.path === undefined && entry.url === undefined) return null;
    return [entry.url === undefined ? "path" : "url"];
  }
  const value = (entry as Readonly<Record<PropertyKey, unknown>>)[first];
  if (value === undefined) return null;
  if (WHOLE.has(first) || path.length === 1) return insideWhole(value, path);
  let inner: unknown = value;
  const spelled: PropertyKey[] = [first];
  for (const part of path.slice(1)) {
    const key = keyLike(inner, part, first === "headers");
    if (key === null) return null;
    inner = (inner as Readonly<Record<PropertyKey, unknown>>)[key];
    spelled.push(key);
  }
  return spelled;
}

/** As far into a replaced value as it goes; what is a default inside it is still not the layer's. */
function insideWhole(value: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] | null {
  if (path.length === 1) return path;
  const [first = "", second = ""] = path;
  const has =
    value !== null && typeof value === "object" && (value as Record<PropertyKey, unknown>)[second] !== undefined;
  return has ? [first, second] : null;
}

function keyLike(value: unknown, wanted: PropertyKey, anyCase: boolean): string | null {
  if (value === null || typeof value !== "object") return null;
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== undefined && (key === wanted || (anyCase && key.toLowerCase() === String(wanted).toLowerCase())))
      return key;
  }
  return null;
}
