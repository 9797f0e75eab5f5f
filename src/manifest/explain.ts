import type { JsonValue, RouteSettings } from "../core/settings.route.ts";
import { type Mask, maskJson } from "./mask.ts";
import { originOf } from "./origin.ts";
import { type Timeline, timelineOf } from "./timeline.ts";
import { formatDuration, formatSize } from "./units.ts";
import { HEALTH_VARIABLES, type Paper, type Written, type WrittenApp, type WrittenRoute } from "./written.ts";

/** One effective value of a route, spelled as in the manifest. */
export interface ExplainedValue {
  /** As in `retry.attempts`; what belongs to the app begins with `app.`. */
  readonly path: string;
  /** Durations and sizes with their units; secrets as `***`. */
  readonly value: JsonValue;
  /** `file:line`, the name of a variable, or `built-in`. */
  readonly origin: string;
}

export interface Explanation {
  readonly route: string;
  readonly values: readonly ExplainedValue[];
  readonly timeline: Timeline;
}

/** What an explanation is made of. */
export interface Explainable {
  readonly origins: Written;
  readonly mask: Mask;
}

/** All that decides what happens to a route's requests, with where each was set. Null for a route that is not there. */
export function explainRoute(loaded: Explainable, routeKey: string, method = "POST"): Explanation | null {
  const route = loaded.origins.routes.find(({ settings }) => settings.key === routeKey);
  if (route === undefined) return null;
  const { settings } = route;
  const { key: _key, app: _app, capability: _capability, upstreams: _upstreams, ...own } = settings;
  const { name: _name, ...app } = route.app.settings;
  const values = [
    ...flatten(own, []).map((leaf) => explain(leaf, routeOrigin(route, leaf.path), loaded)),
    {
      path: "upstreams",
      value: settings.upstreams.map((u) => loaded.mask(`${u.name} ${u.url}`)),
      origin: upstreamsOrigin(route),
    },
    ...flatten(app, [])
      // `pathNamed` is how the code knows whether a path was written: its origin says that already.
      .filter(({ path }) => path[0] !== "upstreams" && path.at(-1) !== "pathNamed")
      .map((leaf) =>
        explain({ ...leaf, path: ["app", ...leaf.path] }, appOrigin(route.app, leaf.path, loaded), loaded),
      ),
  ];
  return { route: routeKey, values, timeline: timelineOf(settings, method) };
}

interface Leaf {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Replaced whole, so shown whole. */
const ATOMS: ReadonlySet<string> = new Set([
  "fallback",
  "verify",
  "orderBy",
  "inbound",
  "schema",
  "sign",
  "tls",
  "rateLimit",
  "idempotency",
]);

function flatten(value: object, path: readonly string[]): Leaf[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const at = [...path, key];
    const nested = inner !== null && typeof inner === "object" && !Array.isArray(inner) && !ATOMS.has(key);
    return nested ? flatten(inner, at) : [{ path: at, value: inner }];
  });
}

/** `maxResponseTimeMs` → `max_response_time`; a few names lose more than their unit. */
function spell(key: string): string {
  if (key === "maxBytes") return "max";
  return key.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function explain({ path, value }: Leaf, origin: string, { mask }: Explainable): ExplainedValue {
  return { path: path.map(spell).join("."), value: withUnits(path.at(-1) ?? "", value, mask), origin };
}

function withUnits(key: string, value: unknown, mask: Mask): JsonValue {
  if (typeof value === "number" && key.endsWith("Ms")) return formatDuration(value);
  if (typeof value === "number" && (key === "bodyLimit" || key === "maxBytes")) return formatSize(value);
  if (isStatusRanges(value)) return value.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
  if (Array.isArray(value)) return value.map((item) => withUnits("", item, mask));
  if (value !== null && typeof value === "object" && !ArrayBuffer.isView(value)) {
    return Object.fromEntries(Object.entries(value).map(([k, inner]) => [spell(k), withUnits(k, inner, mask)]));
  }
  return maskJson(value, mask);
}

function isStatusRanges(value: unknown): value is RouteSettings["response"]["status"] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (item: unknown) =>
        item !== null && typeof item === "object" && "from" in item && "to" in item && typeof item.to === "number",
    )
  );
}

function routeOrigin({ layers }: WrittenRoute, path: readonly string[]): string {
  const { layer, path: at } = originOf(layers, path.map(spell));
  if (layer.kind === "file") return lineOf(layer.document, at);
  return layer.kind === "env" ? (layer.names.get(at.join(".")) ?? "environment") : "built-in";
}

function upstreamsOrigin(route: WrittenRoute): string {
  if (route.settings.upstreams !== route.app.settings.upstreams) return routeOrigin(route, ["url"]);
  return lineOf(route.app.document, [...route.app.path, route.app.entry.upstreams ? "upstreams" : "url"]);
}

function appOrigin(app: WrittenApp, path: readonly string[], { origins: { env } }: Explainable): string {
  const written = [...app.path, ...path.map(spell)];
  if (app.document.has(written)) return lineOf(app.document, written);
  const [block, key = ""] = path;
  if (block !== "health" || (key !== "intervalMs" && key !== "timeoutMs")) return "built-in";
  const name = HEALTH_VARIABLES[key];
  return env.number(name) === app.settings.health[key] ? name : "built-in";
}

function lineOf(document: Paper, path: readonly PropertyKey[]): string {
  return `${document.source.file}:${document.source.position(document.place(path).offset).line}`;
}
