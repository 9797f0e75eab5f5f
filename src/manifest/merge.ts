import type { Complete, Layer } from "./layers.ts";
import { modeOf } from "./layers.ts";
import type { Entry } from "./schema.ts";

/** Maps merge key by key; lists and scalars replace; these keys replace whole. */
type Block = "retry" | "breaker" | "response" | "idempotency";
const BLOCKS: readonly Block[] = ["retry", "breaker", "response", "idempotency"];
const REPLACED = [
  "timeout",
  "attempt_timeout",
  "connect_timeout",
  "fallback",
  "match",
  "verify",
  "order_by",
  "inbound",
  "priority",
  "body_limit",
] as const;

/** The keys of a webhook entry that a layer may set. */
const ENTRY_KEYS: ReadonlySet<string> = new Set([...BLOCKS, ...REPLACED, "headers", "mode", "async", "path", "url"]);

/** What all layers together say. What a layer leaves alone keeps its identity, so equal parts are shared by routes. */
export function mergeLayers(layers: readonly Layer[]): Complete {
  // The first layer is the built-in one, which sets every key that has a default.
  return layers.reduce<Entry>((base, layer) => mergeEntry(base, layer.entry), {}) as Complete;
}

/** `over` on top of `base`; `base` itself where `over` says nothing of its own. */
export function mergeEntry<E extends Entry>(base: E, over: Entry): E {
  if (!saysAnything(over)) return base;
  const merged: Record<string, unknown> = { ...base };
  for (const key of REPLACED) if (over[key] !== undefined) merged[key] = over[key];
  for (const key of BLOCKS) if (over[key] !== undefined) merged[key] = { ...base[key], ...defined(over[key]) };
  if (over.headers) merged.headers = mergeHeaders(base.headers, over.headers);
  // `mode` and `async`, `path` and `url` are two ways to say one thing: the stronger layer's way stands alone.
  if (modeOf(over) !== undefined) {
    merged.mode = modeOf(over);
    delete merged.async;
  }
  if (over.path !== undefined || over.url !== undefined) {
    merged.path = over.path;
    merged.url = over.url;
  }
  return merged as E;
}

function saysAnything(entry: Entry): boolean {
  for (const key in entry) if (entry[key as keyof Entry] !== undefined && ENTRY_KEYS.has(key)) return true;
  return false;
}

function defined(block: object): object {
  return Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined));
}

/** Header names are one whatever their case: the stronger layer's spelling and value. */
function mergeHeaders(base: Entry["headers"], over: NonNullable<Entry["headers"]>): NonNullable<Entry["headers"]> {
  const set = new Map<string, readonly [string, string]>();
  for (const [name, value] of Object.entries({ ...base?.set })) set.set(name.toLowerCase(), [name, value]);
  for (const [name, value] of Object.entries({ ...over.set })) set.set(name.toLowerCase(), [name, value]);
  const remove = over.remove ?? base?.remove;
  return { set: Object.fromEntries(set.values()), ...(remove ? { remove } : {}) };
}
