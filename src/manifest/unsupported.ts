import { originOf } from "./origin.ts";
import type { Report } from "./problem.ts";
import type { Resolved, ResolvedRoute } from "./resolve.ts";

/**
 * What the manifest already knows and this version does not do yet: one table. A key here is an error where it is in
 * effect on a route, and says so at its own line; defaults that no route uses, and variables, are none. A feature that
 * arrives takes its lines out; nothing else refers to them.
 */

type Key = readonly PropertyKey[];

/** Keys of a route, wherever they were inherited from. */
const ROUTE_KEYS: readonly {
  readonly key: Key;
  readonly what: string;
  readonly used: (route: ResolvedRoute) => boolean;
}[] = [{ key: ["verify"], what: "verify", used: ({ settings }) => settings.verify !== null }];

/** Keys of the whole process, where the file holds them. */
const SERVICE_KEYS: readonly { readonly key: Key; readonly what: string; readonly used: (all: Resolved) => boolean }[] =
  [
    { key: ["redis"], what: "redis", used: ({ main }) => main.value.redis !== undefined },
    {
      key: ["spool", "driver"],
      what: "the spool driver redis",
      used: ({ main }) => main.value.spool?.driver === "redis",
    },
    { key: ["alerts"], what: "alerts", used: ({ main }) => main.value.alerts !== undefined },
    { key: ["history"], what: "history", used: ({ main }) => main.value.history !== undefined },
  ];

export function reportUnsupported(all: Resolved, report: Report): void {
  for (const { key, what, used } of SERVICE_KEYS) {
    if (used(all)) report.error(all.main.place(key), key, `${what} is not supported yet`);
  }
  reportChannels(all, report);
  // One line for each key that is written, however many routes inherit it.
  const seen = new Map<unknown, Set<string>>();
  for (const route of all.routes) {
    for (const { key, what, used } of ROUTE_KEYS) {
      if (used(route))
        atOrigin(route, key, seen, (place, path) =>
          report.error(place, path, `${what} is not supported yet (in effect on ${route.settings.key})`),
        );
    }
  }
}

function reportChannels({ main }: Resolved, report: Report): void {
  for (const [name, channel] of Object.entries(main.value.notify?.channels ?? {})) {
    const at = (key: string): Key => ["notify", "channels", name, key];
    if (channel.type !== "http")
      report.error(main.place(at("type")), at("type"), `the channel type ${channel.type} is not supported yet`);
    if (channel.type === "email" && channel.to === "owner")
      report.error(main.place(at("to")), at("to"), "to: owner is not supported yet");
  }
}

type Say = (place: Parameters<Report["error"]>[0], path: Key) => void;

function atOrigin(route: ResolvedRoute, key: Key, seen: Map<unknown, Set<string>>, say: Say): void {
  const { layer, path } = originOf(route.layers, key);
  if (layer.kind !== "file") return;
  const lines = seen.get(layer.document) ?? new Set<string>();
  seen.set(layer.document, lines);
  const line = JSON.stringify(path);
  if (lines.has(line)) return;
  lines.add(line);
  say(layer.document.place(path), path);
}
