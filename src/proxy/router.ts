import type { RawHeaders } from "../core/headers.ts";
import type { MatchSettings } from "../core/settings.route.ts";
import { byPreference, type Entry, type Found, firstThatSuits } from "./router.entry.ts";
import {
  addPattern,
  collect,
  createNode,
  isPattern,
  type Node,
  parametersOnly,
  withWildcard,
} from "./router.pattern.ts";

/**
 * Which route answers a request. Matching looks at the raw bytes of the path: nothing is decoded, normalised or
 * resolved, so that what is matched is what is forwarded.
 *
 * Order of preference: a route naming `host:port`, then `host`, then any host; within that an exact path, then one
 * with parameters, then a wildcard (from the left a literal segment before a parameter, a longer wildcard before a
 * shorter one); then more `headers`; then named methods before any; then the order written.
 */

/** The path is known, the method is not: 405 with these in Allow (upper case, sorted). */
interface OtherMethod {
  readonly kind: "method";
  readonly allow: readonly string[];
}

type Match<T> = Found<T> | OtherMethod | { readonly kind: "none" };

export interface Router<T> {
  /**
   * `method` as sent, `host` the Host header, `path` the raw path without the query. An exact path is one Map lookup
   * and allocates nothing.
   */
  find(method: string, host: string, path: string, headers: RawHeaders): Match<T>;
  /**
   * The headers, lower case, by which any route on this path is chosen, in any method: that one of them was not there
   * decided as well.
   */
  chosenBy(host: string, path: string): readonly string[];
  /** Is a route chosen by a name with an underscore? Then the most usual name may be read as one of them. */
  readonly underscored: boolean;
}

interface Table<T> {
  readonly exact: Map<string, Entry<T>[]>;
  readonly patterns: Node<T>;
  hasPatterns: boolean;
}

const NONE = { kind: "none" } as const;

/** Builds the tables once, when the manifest loads. That no two items are equals is the manifest's care. */
export function createRouter<T>(items: readonly { readonly match: MatchSettings; readonly value: T }[]): Router<T> {
  const anyHost = createTable<T>();
  const byHost = new Map<string, Table<T>>();
  const entries = items.map(
    ({ match, value }, order): Entry<T> => ({ match, order, found: { kind: "found", value, rest: "" } }),
  );
  for (const entry of entries.sort(byPreference)) {
    addEntry(entry.match.host === null ? anyHost : tableOf(byHost, entry.match.host), entry);
  }

  /** In order of preference; a Host without a port names one table twice, which costs a second look and no more. */
  const tablesFor = (host: string): readonly Table<T>[] => {
    const lower = host.toLowerCase();
    return [byHost.get(lower), byHost.get(withoutPort(lower)), anyHost].filter((table) => table !== undefined);
  };

  return {
    find(method, host, path, headers) {
      if (byHost.size === 0) {
        return findIn(anyHost, method, path, headers) ?? missIn([anyHost], method, path);
      }
      const tables = tablesFor(host);
      for (const table of tables) {
        const found = findIn(table, method, path, headers);
        if (found !== null) return found;
      }
      return missIn(tables, method, path);
    },
    chosenBy(host, path) {
      const names = onPath(tablesFor(host), path).flatMap(({ match }) => match.headers.map(([name]) => name));
      return [...new Set(names)];
    },
    underscored: items.some(({ match }) => match.headers.some(([name]) => name.includes("_"))),
  };
}

/** The host of `host[:port]`, an IPv6 literal keeping its brackets. */
function withoutPort(host: string): string {
  const colon = host.lastIndexOf(":");
  return colon === -1 || host.endsWith("]") ? host : host.slice(0, colon);
}

function tableOf<T>(tables: Map<string, Table<T>>, host: string): Table<T> {
  const there = tables.get(host);
  if (there !== undefined) return there;
  const made = createTable<T>();
  tables.set(host, made);
  return made;
}

function createTable<T>(): Table<T> {
  return { exact: new Map(), patterns: createNode<T>(), hasPatterns: false };
}

/** Entries come sorted by preference, so that the first which accepts is the right one. */
function addEntry<T>(table: Table<T>, entry: Entry<T>): void {
  const { path } = entry.match;
  if (isPattern(path)) {
    table.hasPatterns = true;
    addPattern(table.patterns, path, entry);
    return;
  }
  const there = table.exact.get(path);
  if (there === undefined) table.exact.set(path, [entry]);
  else there.push(entry);
}

function findIn<T>(table: Table<T>, method: string, path: string, headers: RawHeaders): Found<T> | null {
  const exact = table.exact.get(path);
  if (exact !== undefined) {
    const entry = firstThatSuits(exact, method, headers);
    if (entry !== null) return entry.found;
  }
  if (!table.hasPatterns) return null;
  const query = { segments: path.split("/"), path, method, headers };
  return parametersOnly(table.patterns, query, 1) ?? withWildcard(table.patterns, query, 1, 0);
}

/** Nothing answers: 405 where no route on the path takes the method at all, else 404. */
function missIn<T>(tables: readonly Table<T>[], method: string, path: string): OtherMethod | typeof NONE {
  const allow = new Set<string>();
  for (const { match } of onPath(tables, path)) {
    if (match.methods === null || match.methods.includes(method)) return NONE;
    for (const name of match.methods) allow.add(name);
  }
  return allow.size === 0 ? NONE : { kind: "method", allow: [...allow].sort() };
}

/** All routes whose path fits, in any order. */
function onPath<T>(tables: readonly Table<T>[], path: string): readonly Entry<T>[] {
  const entries: Entry<T>[] = [];
  const segments = path.split("/");
  for (const table of tables) {
    entries.push(...(table.exact.get(path) ?? []));
    if (table.hasPatterns) collect(table.patterns, segments, 1, entries);
  }
  return entries;
}
