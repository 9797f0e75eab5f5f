import type { Report } from "./problem.ts";
import type { ResolvedRoute } from "./resolve.ts";

/** Two routes that would answer the very same requests: nobody could say which. */
export function proveMatches(routes: readonly ResolvedRoute[], report: Report): void {
  const taken = new Map<string, ResolvedRoute>();
  for (const route of routes) {
    const shape = shapeOf(route);
    for (const method of route.settings.match.methods ?? ["*"]) {
      const key = `${method} ${shape}`;
      const first = taken.get(key);
      if (first === undefined) {
        taken.set(key, route);
        continue;
      }
      if (first === route) continue;
      const path = matchPath(route);
      const other = first.app.document.place(matchPath(first));
      const where = `${other.source.file}:${other.source.position(other.offset).line}`;
      const what = `${method === "*" ? "" : `${method} `}${route.settings.match.path}`;
      report.error(
        route.app.document.place(path),
        path,
        `${what} is already matched by ${first.settings.key} at ${where}`,
      );
    }
  }
}

/** Equal for routes of equal rank that match the same: parameter names do not matter, nor the order of headers. */
function shapeOf({ settings: { match } }: ResolvedRoute): string {
  const path = match.path.replace(/\/:[^/]+/g, "/:");
  const headers = match.headers.map(([name, value]) => `${name}=${value}`).sort();
  return JSON.stringify([match.host, path, headers]);
}

function matchPath({ app, path }: ResolvedRoute): readonly PropertyKey[] {
  const own = [...path, "match", "path"];
  // Without a `match` of its own the webhook itself is what matches.
  return app.document.has(own) ? own : path;
}
