import { isAlias, isMap, isScalar, isSeq, type Node as YamlNode } from "yaml";
import type { Spend } from "./extent.ts";
import { type Complain, MAX_DEPTH } from "./source.ts";

/**
 * A YAML document as plain values with the place each was written at. `value` is the plain value of the whole
 * subtree (null-prototype objects, arrays, scalars), made in the same walk.
 */
export type Node =
  | { readonly kind: "scalar"; readonly offset: number; readonly value: unknown }
  | { readonly kind: "list"; readonly offset: number; readonly items: readonly Node[]; readonly value: unknown[] }
  | {
      readonly kind: "map";
      readonly offset: number;
      readonly entries: ReadonlyMap<string, { readonly keyOffset: number; readonly node: Node }>;
      readonly value: Record<string, unknown>;
    };

/** Stands for a value that could not be found: that was reported, and nothing more is to be said of it. */
export const UNKNOWN = Symbol("unknown value");

/** What a scalar's text becomes: its value after replacements. It reports its own problems. */
export type Expand = (text: string, plain: boolean, offset: number, path: readonly PropertyKey[]) => unknown;

export interface Walk {
  readonly expand: Expand;
  readonly complain: Complain;
  readonly spend: Spend;
  readonly lineOf: (offset: number) => number;
}

const MAX_ALIASED = 10_000;

/** Turns the library's nodes into ours. Duplicate keys are reported; aliases that unfold without bound give null. */
export function toTree(root: YamlNode, { expand, complain, spend, lineOf }: Walk): Node | null {
  const anchors = new Map<string, YamlNode>();
  // One path for the whole walk, changed in place: it is only read while a problem is reported.
  const path: PropertyKey[] = [];
  let insideAlias = 0;
  let aliased = 0;
  let bomb: number | null = null;

  const walk = (yaml: unknown, at: number): Node => {
    const offset = offsetOf(yaml) ?? at;
    spend("values", 1);
    if (insideAlias > 0) {
      aliased++;
      if (aliased > MAX_ALIASED || path.length > MAX_DEPTH) {
        bomb ??= offset;
        return { kind: "scalar", offset, value: UNKNOWN };
      }
    }
    if (isAlias(yaml)) return walkAlias(yaml.source, offset);
    // An anchor counts from its start, so that a node which holds itself ends at the bounds above.
    if ((isMap(yaml) || isSeq(yaml) || isScalar(yaml)) && yaml.anchor) anchors.set(yaml.anchor, yaml);
    if (isMap(yaml)) return walkMap(yaml.items, offset);
    if (isSeq(yaml)) return walkList(yaml.items, offset);
    return { kind: "scalar", offset, value: isScalar(yaml) ? walkScalar(yaml, offset) : null };
  };

  const walkAlias = (name: string, offset: number): Node => {
    const target = anchors.get(name);
    if (!target) {
      // Said once, where it was written, not again wherever an alias repeats it.
      if (insideAlias === 0)
        complain(offset, path, "this alias has no anchor before it: put a text that begins with * in quotes");
      return { kind: "scalar", offset, value: UNKNOWN };
    }
    insideAlias++;
    const node = walk(target, offset);
    insideAlias--;
    return node;
  };

  const walkScalar = (yaml: { value: unknown; source?: string; type?: string }, offset: number): unknown => {
    const plain = yaml.type === "PLAIN";
    if (typeof yaml.value === "string") return expand(yaml.value, plain, offset, path);
    if (plain && /^[-+]?0\d+$/.test(yaml.source ?? "")) {
      const said = `${yaml.source} reads as the number ${yaml.value}: write ${yaml.value}, or quote it for text`;
      complain(offset, path, said, "warning");
    }
    return yaml.value;
  };

  const walkList = (list: readonly unknown[], offset: number): Node => {
    const items = list.map((item, i) => {
      path.push(i);
      const node = walk(item, offset);
      path.pop();
      return node;
    });
    return { kind: "list", offset, items, value: items.map((item) => item.value) };
  };

  const walkMap = (pairs: readonly { key: unknown; value: unknown }[], offset: number): Node => {
    const entries = new Map<string, { keyOffset: number; node: Node }>();
    // Without a prototype no key of the text can mean anything else than itself.
    const value = Object.create(null) as Record<string, unknown>;
    for (const pair of pairs) {
      const keyOffset = offsetOf(pair.key) ?? offset;
      const key = keyText(pair.key);
      if (key === null) {
        complain(keyOffset, path, "a key must be plain text");
        continue;
      }
      path.push(key);
      const first = entries.get(key);
      if (first) {
        complain(keyOffset, path, `the key is here twice: first at line ${lineOf(first.keyOffset)}`);
      } else {
        const node = walk(pair.value, keyOffset);
        entries.set(key, { keyOffset, node });
        value[key] = node.value;
      }
      path.pop();
    }
    return { kind: "map", offset, entries, value };
  };

  const tree = walk(root, 0);
  if (bomb === null) return tree;
  complain(bomb, [], `aliases unfold to over ${MAX_ALIASED} values or ${MAX_DEPTH} levels: write them out`);
  return null;
}

function offsetOf(yaml: unknown): number | undefined {
  return (yaml as { range?: readonly number[] | null } | null)?.range?.[0];
}

/** A key as text: `200: …` is "200". Null for lists, maps, nothing, and the one name that means something else to JavaScript. */
function keyText(yaml: unknown): string | null {
  if (!isScalar(yaml) || yaml.value === null) return null;
  const text = typeof yaml.value === "string" ? yaml.value : (yaml.source ?? String(yaml.value));
  return text === "__proto__" ? null : text;
}

/** Where `path` was written. A missing key is placed at the nearest parent; `key` places a map's entry at its key. */
export function locate(root: Node, path: readonly PropertyKey[], prefer: "key" | "value"): number {
  let node = root;
  let offset = root.offset;
  for (const part of path) {
    if (node.kind === "map") {
      const entry = node.entries.get(String(part));
      if (!entry) return offset;
      node = entry.node;
      offset = entry.keyOffset;
    } else if (node.kind === "list") {
      const item = node.items[Number(part)];
      if (!item) return offset;
      node = item;
      offset = item.offset;
    } else return offset;
  }
  return prefer === "value" && node.kind === "scalar" ? node.offset : offset;
}

/** The node at `path`, or null. */
export function nodeAt(root: Node, path: readonly PropertyKey[]): Node | null {
  let node: Node | undefined = root;
  for (const part of path) {
    if (node?.kind === "map") node = node.entries.get(String(part))?.node;
    else node = node?.kind === "list" ? node.items[Number(part)] : undefined;
  }
  return node ?? null;
}
