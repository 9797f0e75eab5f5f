import { deserialize, serialize } from "node:v8";
import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings, Manifest } from "../core/settings.ts";
import type { Document } from "./document.ts";
import type { Environment, VariableName } from "./environment.ts";
import type { Layer } from "./layers.ts";
import type { Resolved } from "./resolve.ts";
import { locate, type Node, nodeAt } from "./tree.ts";

/** The way back from a value to where it was written. It is seldom gone, so a running manifest has it as bytes. */

/** A text, as far as it says where things stand in it. */
export type Paper = Pick<Document<unknown>, "source" | "has" | "place">;

export interface WrittenApp {
  readonly settings: AppSettings;
  readonly entry: { readonly upstreams?: unknown };
  readonly document: Paper;
  readonly path: readonly PropertyKey[];
}

export interface WrittenRoute {
  readonly settings: RouteSettings;
  readonly app: WrittenApp;
  /** From the weakest to the strongest. */
  readonly layers: readonly Layer<Paper>[];
}

export interface Written {
  readonly routes: readonly WrittenRoute[];
  readonly env: Pick<Environment, "number">;
}

/** Of an app, variables set these two only; a file beats them. */
export const HEALTH_VARIABLES = {
  intervalMs: "APP_HEALTH_CHECK_INTERVAL",
  timeoutMs: "APP_HEALTH_CHECK_TIMEOUT",
} as const satisfies Readonly<Partial<Record<keyof AppSettings["health"], VariableName>>>;

interface Packed {
  readonly documents: readonly { readonly file: string; readonly root: Node }[];
  readonly layers: readonly Layer<number>[];
  /** In the order of the manifest, as are those of `routes`. */
  readonly apps: readonly {
    readonly entry: WrittenApp["entry"];
    readonly document: number;
    readonly path: readonly PropertyKey[];
  }[];
  readonly routes: readonly { readonly app: number; readonly layers: readonly number[] }[];
  readonly env: ReadonlyMap<string, number | undefined>;
}

/** Settings are not in it: {@link unpackWritten} is given them. */
export function packWritten({ apps, routes, env }: Resolved): Uint8Array<ArrayBuffer> {
  const documents = numbered<Document<unknown>>();
  const appOf = numbered<Resolved["apps"][number]>();
  const layers = numbered<Layer>();
  const packed = {
    apps: apps.map((app) => {
      appOf.number(app);
      return {
        entry: app.entry.upstreams === undefined ? {} : { upstreams: true },
        document: documents.number(app.document),
        path: app.path,
      };
    }),
    routes: routes.map((route) => ({ app: appOf.number(route.app), layers: route.layers.map(layers.number) })),
    layers: layers
      .all()
      .map(
        ({ entry, from }): Layer<number> =>
          from.kind === "file"
            ? { entry, from: { ...from, document: documents.number(from.document) } }
            : { entry, from },
      ),
    env: new Map(Object.values(HEALTH_VARIABLES).map((name) => [name, env.number(name)])),
  };
  const lines = documents.all().map(({ source, root }) => ({
    file: source.file,
    root: withLines(root, (offset) => source.position(offset).line),
  }));
  return new Uint8Array(serialize({ ...packed, documents: lines } satisfies Packed));
}

/** `manifest` is the one that was packed, or one of equal content. */
export function unpackWritten(bytes: Uint8Array, manifest: Pick<Manifest, "apps" | "routes">): Written {
  const packed = deserialize(bytes) as Packed;
  const documents = packed.documents.map(paperOf);
  const document = (number: number): Paper => documents[number] as Paper;
  const apps = packed.apps.map((app, i): WrittenApp => {
    return { ...app, settings: manifest.apps[i] as AppSettings, document: document(app.document) };
  });
  const layers = packed.layers.map(
    ({ entry, from }): Layer<Paper> =>
      from.kind === "file" ? { entry, from: { ...from, document: document(from.document) } } : { entry, from },
  );
  const routes = packed.routes.map(
    (route, i): WrittenRoute => ({
      settings: manifest.routes[i] as RouteSettings,
      app: apps[route.app] as WrittenApp,
      layers: route.layers.map((number) => layers[number] as Layer<Paper>),
    }),
  );
  return { routes, env: { number: (name) => packed.env.get(name) } };
}

function numbered<T>() {
  const numbers = new Map<T, number>();
  return {
    number(value: T): number {
      let number = numbers.get(value);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(value, number);
      }
      return number;
    },
    all: (): T[] => [...numbers.keys()],
  };
}

const NOTHING: Record<string, unknown> = {};
const NO_LIST: unknown[] = [];

/** The same tree without its values, with lines in the place of offsets. */
function withLines(node: Node, lineOf: (offset: number) => number): Node {
  const offset = lineOf(node.offset);
  if (node.kind === "scalar") return { kind: "scalar", offset, value: null };
  if (node.kind === "list")
    return { kind: "list", offset, items: node.items.map((item) => withLines(item, lineOf)), value: NO_LIST };
  const entries = Array.from(
    node.entries,
    ([key, { keyOffset, node: inner }]) =>
      [key, { keyOffset: lineOf(keyOffset), node: withLines(inner, lineOf) }] as const,
  );
  return { kind: "map", offset, entries: new Map(entries), value: NOTHING };
}

function paperOf({ file, root }: Packed["documents"][number]): Paper {
  const source = { file, path: file, position: (line: number) => ({ line, col: 1 }) };
  return {
    source,
    has: (path) => nodeAt(root, path) !== null,
    place: (path, prefer = "key") => ({ source, offset: locate(root, path, prefer) }),
  };
}
