import type { RawHeaders } from "../core/headers.ts";
import { type Entry, type Found, firstThatSuits } from "./router.entry.ts";

/**
 * Paths with `:name` segments or a final star, in a tree of segments: a lookup costs as much as the path has segments,
 * however many routes there are. Why not find-my-way: it decodes before it matches, and it answers with one route
 * where we need all that fit, since a route may still say no for its headers and a 405 lists every method.
 */

export interface Node<T> {
  readonly literal: Map<string, Node<T>>;
  parameter: Node<T> | null;
  /** Routes that end here, by preference. */
  readonly ends: Entry<T>[];
  /** Routes whose star takes what follows. */
  readonly stars: Entry<T>[];
}

/** `segments` is `path` cut at each slash: the first is empty, what the walk begins with is index 1. */
interface Query {
  readonly segments: readonly string[];
  readonly path: string;
  readonly method: string;
  readonly headers: RawHeaders;
}

const PARAMETER = /^:[^/]+$/;

/** Is this a pattern, or the very bytes of a path? A star counts only as the whole last segment. */
export function isPattern(path: string): boolean {
  return path.endsWith("/*") || path.split("/").some((segment) => PARAMETER.test(segment));
}

export function createNode<T>(): Node<T> {
  return { literal: new Map(), parameter: null, ends: [], stars: [] };
}

export function addPattern<T>(root: Node<T>, path: string, entry: Entry<T>): void {
  const segments = path.split("/").slice(1);
  const star = segments.at(-1) === "*";
  if (star) segments.pop();
  let node = root;
  for (const segment of segments) node = PARAMETER.test(segment) ? parameterChild(node) : literalChild(node, segment);
  (star ? node.stars : node.ends).push(entry);
}

function parameterChild<T>(node: Node<T>): Node<T> {
  node.parameter ??= createNode();
  return node.parameter;
}

function literalChild<T>(node: Node<T>, segment: string): Node<T> {
  const there = node.literal.get(segment);
  if (there !== undefined) return there;
  const made = createNode<T>();
  node.literal.set(segment, made);
  return made;
}

/** The best route without a star: literal segments go first. A parameter stands for one segment that is not empty. */
export function parametersOnly<T>(node: Node<T>, query: Query, at: number): Found<T> | null {
  const segment = query.segments[at];
  if (segment === undefined) return firstOf(node.ends, query)?.found ?? null;
  const literal = node.literal.get(segment);
  if (literal !== undefined) {
    const found = parametersOnly(literal, query, at + 1);
    if (found !== null) return found;
  }
  return node.parameter === null || segment === "" ? null : parametersOnly(node.parameter, query, at + 1);
}

/** The best route with a star: the deeper first. `offset` is where in the path the slash before `segments[at]` is. */
export function withWildcard<T>(node: Node<T>, query: Query, at: number, offset: number): Found<T> | null {
  const segment = query.segments[at];
  if (segment === undefined) return null;
  const next = offset + 1 + segment.length;
  const literal = node.literal.get(segment);
  if (literal !== undefined) {
    const found = withWildcard(literal, query, at + 1, next);
    if (found !== null) return found;
  }
  if (node.parameter !== null && segment !== "") {
    const found = withWildcard(node.parameter, query, at + 1, next);
    if (found !== null) return found;
  }
  const entry = firstOf(node.stars, query);
  return entry === null ? null : { kind: "found", value: entry.found.value, rest: query.path.slice(offset) };
}

/** All routes whose path fits, in any order. */
export function collect<T>(node: Node<T>, segments: readonly string[], at: number, into: Entry<T>[]): void {
  const segment = segments[at];
  if (segment === undefined) {
    into.push(...node.ends);
    return;
  }
  into.push(...node.stars);
  const literal = node.literal.get(segment);
  if (literal !== undefined) collect(literal, segments, at + 1, into);
  if (node.parameter !== null && segment !== "") collect(node.parameter, segments, at + 1, into);
}

function firstOf<T>(entries: readonly Entry<T>[], query: Query): Entry<T> | null {
  return entries.length === 0 ? null : firstThatSuits(entries, query.method, query.headers);
}
