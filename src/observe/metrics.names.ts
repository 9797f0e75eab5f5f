import type { LabelValues } from "./metrics.family.ts";

/** Which names labels may have: those of the running manifest, so that what is gone does not stay for ever. */

/** A route of the running manifest with the names its upstreams have there. */
export interface RouteNames {
  readonly app: string;
  readonly capability: string;
  /** `app/capability`. */
  readonly key: string;
  /** Best the same list for all routes that have the same ones. */
  readonly upstreams: readonly string[];
}

/** A request without a route has no app. An app may well be called `none`, but never the empty text. */
export const NO_APP = "";

/** What a series may be named by. */
export interface Names {
  /** undefined: no such route. */
  upstreams(app: string, capability: string): ReadonlySet<string> | undefined;
  readonly byRoute: ReadonlyMap<string, ReadonlySet<string>>;
  readonly channels: ReadonlySet<string>;
  readonly allow: (labels: LabelValues) => boolean;
}

/** Is there a name that `next` does not have? Else all series stay, and of 10,000 routes there are very many. */
export function loses(old: Names, next: Names): boolean {
  for (const channel of old.channels) if (!next.channels.has(channel)) return true;
  // Of thousands of routes most have the same few sets.
  const within = new Map<ReadonlySet<string>, ReadonlySet<string>>();
  for (const [route, upstreams] of old.byRoute) {
    const others = next.byRoute.get(route);
    if (others === undefined) return true;
    if (within.get(upstreams) === others) continue;
    if (!upstreams.isSubsetOf(others)) return true;
    within.set(upstreams, others);
  }
  return false;
}

/** The names labels may have under one manifest. */
export function createNames(routes: Iterable<RouteNames>, channels: ReadonlySet<string>): Names {
  const byRoute = new Map<string, Set<string>>();
  const byApp = new Map<string, Set<string>>();
  const sets = new Map<readonly string[], Set<string>>();
  for (const { app, key, upstreams } of routes) {
    let set = sets.get(upstreams);
    if (set === undefined) {
      set = new Set(upstreams);
      sets.set(upstreams, set);
    }
    byRoute.set(key, set);
    const all = byApp.get(app);
    if (all === undefined) byApp.set(app, new Set(upstreams));
    else for (const upstream of upstreams) all.add(upstream);
  }
  return {
    upstreams: (app, capability) => byRoute.get(`${app}/${capability}`),
    byRoute,
    channels,
    allow({ app, capability, upstream, channel, from, to }) {
      if (channel !== undefined) return channels.has(channel);
      if (app === undefined || app === NO_APP) return true;
      const known = capability === undefined ? byApp.get(app) : byRoute.get(`${app}/${capability}`);
      // Of a move of traffic both ends are upstreams, and an empty one is nowhere; `to` of a breaker is its new state.
      const upstreams = from === undefined ? [upstream] : [from, to];
      return known !== undefined && upstreams.every((name) => !name || known.has(name));
    },
  };
}
