import { deserialize, serialize } from "node:v8";
import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings, Manifest } from "../core/settings.ts";
import type { Document } from "./document.ts";
import type { Environment, VariableName } from "./environment.ts";
import type { Layer } from "./layers.ts";
import { memo } from "./memo.ts";
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

/** Routes of one piece, in the order of the manifest: what one question unpacks. */
const PIECE_ROUTES = 64;

/** A clipping in the place of a document. What routes have in common is one object here, and stays one. */
interface Piece {
  readonly routes: readonly { readonly app: PackedApp; readonly layers: readonly Layer<Clipping>[] }[];
  readonly env: ReadonlyMap<string, number | undefined>;
}

type PackedApp = Omit<WrittenApp, "settings" | "document"> & { readonly document: Clipping };

/** In pieces, so that a question about one route costs the same however many there are. Settings are not in them. */
export function packWritten({ routes, env }: Pick<Resolved, "routes" | "env">): Uint8Array<ArrayBuffer>[] {
  const variables = new Map(Object.values(HEALTH_VARIABLES).map((name) => [name, env.number(name)]));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let i = 0; i < routes.length; i += PIECE_ROUTES) {
    const piece: Piece = { routes: packRoutes(routes.slice(i, i + PIECE_ROUTES)), env: variables };
    pieces.push(new Uint8Array(serialize(piece)));
  }
  return pieces;
}

function packRoutes(routes: Resolved["routes"]): Piece["routes"] {
  const clippings = memo<Document<unknown>, Clipping>();
  const clip = (document: Document<unknown>, path: readonly PropertyKey[]): Clipping => {
    const { source, root } = document;
    const lineOf: LineOf = (offset) => source.position(offset).line;
    const clipping = clippings(document, () => ({ file: source.file, root: emptied(root, lineOf) }));
    copyTo(clipping.root, root, path, lineOf);
    return clipping;
  };
  const apps = memo<Resolved["apps"][number], PackedApp>();
  const layers = memo<Layer, Layer<Clipping>>();
  return routes.map((route) => ({
    app: apps(route.app, ({ entry, document, path }) => ({
      entry: entry.upstreams === undefined ? {} : { upstreams: true },
      document: clip(document, path),
      path,
    })),
    layers: route.layers.map((layer) =>
      layers(layer, ({ entry, from }) =>
        from.kind === "file" ? { entry, from: { ...from, document: clip(from.document, from.path) } } : { entry, from },
      ),
    ),
  }));
}

/** `manifest` is the one that was packed, or one of equal content. With the route of this key, if there is one. */
export function unpackWritten(
  pieces: readonly Uint8Array[],
  manifest: Pick<Manifest, "routes">,
  routeKey: string,
): Written {
  const index = manifest.routes.findIndex(({ key }) => key === routeKey);
  const number = Math.floor(index / PIECE_ROUTES);
  const bytes = pieces[number];
  if (bytes === undefined) return { routes: [], env: { number: () => undefined } };
  const piece = deserialize(bytes) as Piece;
  const papers = memo<Clipping, Paper>();
  const apps = memo<PackedApp, WrittenApp>();
  const routes = piece.routes.map(({ app, layers }, i): WrittenRoute => {
    const settings = manifest.routes[number * PIECE_ROUTES + i] as RouteSettings;
    return {
      settings,
      app: apps(app, (packed) => ({ ...packed, settings: settings.app, document: papers(packed.document, paperOf) })),
      layers: layers.map(({ entry, from }) =>
        from.kind === "file" ? { entry, from: { ...from, document: papers(from.document, paperOf) } } : { entry, from },
      ),
    };
  });
  return { routes, env: { number: (name) => piece.env.get(name) } };
}

/** Of a document what the routes of a piece go back to, as if nothing else stood there. */
interface Clipping {
  readonly file: string;
  readonly root: Copy;
}

/** A map without its values, with lines in the place of offsets. */
type Copy = Extract<Node, { kind: "map" }> & { readonly entries: Map<string, { keyOffset: number; node: Node }> };

type LineOf = (offset: number) => number;

const NOTHING: Record<string, unknown> = {};
const NO_LIST: unknown[] = [];

function emptied({ offset }: Node, lineOf: LineOf): Copy {
  return { kind: "map", offset: lineOf(offset), entries: new Map(), value: NOTHING };
}

/** Copies what stands at `path`. Not the webhooks of an app: each has a path of its own, and there may be thousands. */
function copyTo(root: Copy, original: Node, path: readonly PropertyKey[], lineOf: LineOf): void {
  let [to, from] = [root, original];
  for (const part of path) {
    const key = String(part);
    const entry = from.kind === "map" ? from.entries.get(key) : undefined;
    if (entry === undefined) return;
    let copy = to.entries.get(key)?.node;
    if (copy === undefined) {
      copy = entry.node.kind === "map" ? emptied(entry.node, lineOf) : withLines(entry.node, lineOf);
      to.entries.set(key, { keyOffset: lineOf(entry.keyOffset), node: copy });
    }
    if (copy.kind !== "map") return;
    to = copy as Copy;
    from = entry.node;
  }
  if (from.kind !== "map") return;
  const isApp = path.length === 2 && path[0] === "apps";
  for (const [key, { keyOffset, node }] of from.entries) {
    if (to.entries.has(key) || (isApp && key === "webhooks")) continue;
    to.entries.set(key, { keyOffset: lineOf(keyOffset), node: withLines(node, lineOf) });
  }
}

/** The same tree without its values, with lines in the place of offsets. */
function withLines(node: Node, lineOf: LineOf): Node {
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

function paperOf({ file, root }: Clipping): Paper {
  const source = { file, path: file, position: (line: number) => ({ line, col: 1 }) };
  return {
    source,
    has: (path) => nodeAt(root, path) !== null,
    place: (path, prefer = "key") => ({ source, offset: locate(root, path, prefer) }),
  };
}
