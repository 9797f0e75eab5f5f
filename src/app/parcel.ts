import { deflateRawSync } from "node:zlib";
import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings, Manifest } from "../core/settings.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { packWritten } from "../manifest/written.ts";
import type { ServerTls } from "../proxy/listener.tls.ts";
import type { TlsMaterial } from "../upstream/connect.ts";
import type { Prepared } from "./prepare.ts";

/**
 * A prepared manifest on its way from who read it to who applies it, as a rule from process to process: in pieces, since
 * taking one over holds up whoever does, and with what routes share written once.
 */

/** All that it takes to run it but apps and routes. */
export interface ParcelHead extends Pick<LoadedManifest, "warnings" | "files" | "hash" | "secrets"> {
  readonly manifest: Omit<Manifest, "apps" | "routes">;
  readonly tls: ServerTls | null;
  readonly appTls: ReadonlyMap<string, TlsMaterial>;
}

/** What tells people of it, which comes last: making it takes as long as making plans does, at the same time. */
export interface ParcelTail {
  readonly shown: Shown;
  /** As of `packWritten`. */
  readonly written: readonly Uint8Array<ArrayBuffer>[];
}

/** The manifest as JSON text, secrets masked, in raw deflate: megabytes that are seldom asked for. */
export interface Shown {
  readonly deflated: Uint8Array<ArrayBuffer>;
  /** Characters of the text. */
  readonly length: number;
}

export interface Piece {
  readonly apps: readonly AppSettings[];
  /** Rows name them by their number, over all pieces so far. */
  readonly parts: readonly Part[];
  readonly rows: readonly Row[];
}

/** Settings of a route that others may have too. */
export const PART_KEYS = [
  "match",
  "upstreams",
  "retry",
  "breaker",
  "fallback",
  "response",
  "verify",
  "orderBy",
  "idempotency",
  "headers",
  "inbound",
] as const satisfies readonly (keyof RouteSettings)[];

export type PartKey = (typeof PART_KEYS)[number];
export type Part = RouteSettings[PartKey];

/** What a route has by itself, and the numbers of its app and parts. */
export interface Row extends Omit<RouteSettings, PartKey | "key" | "app"> {
  readonly app: number;
  /** In the order of {@link PART_KEYS}. */
  readonly parts: readonly number[];
}

/** In the place of `upstreams` that are those of the app. */
export const OF_THE_APP = -1;

/** Few enough to be taken over in a few milliseconds by who never did it before, in one when it has. */
export const PIECE_ROWS = 64;

export function packHead({ loaded, tls, appTls }: Prepared): ParcelHead {
  const { warnings, files, hash, secrets } = loaded;
  const { apps: _apps, routes: _routes, ...manifest } = loaded.manifest;
  return { manifest, warnings, files, hash, secrets, tls, appTls };
}

export function packTail({ loaded }: Prepared): ParcelTail {
  const text = JSON.stringify(loaded.masked());
  const shown = { deflated: new Uint8Array(deflateRawSync(text, { level: 1 })), length: text.length };
  return { shown, written: packWritten(loaded.origins) };
}

/** Apps and routes, each in the order of the manifest. */
export function* packPieces({ apps, routes }: Manifest): Generator<Piece, undefined> {
  const numbers = new Map<AppSettings, number>();
  for (let i = 0; i < apps.length; i += PIECE_ROWS) yield { apps: apps.slice(i, i + PIECE_ROWS), parts: [], rows: [] };
  for (const app of apps) numbers.set(app, numbers.size);
  const known = new Map<Part, number>();
  for (let i = 0; i < routes.length; i += PIECE_ROWS) {
    const parts: Part[] = [];
    const numberOf = (part: Part): number => {
      let number = known.get(part);
      if (number === undefined) {
        number = known.size;
        known.set(part, number);
        parts.push(part);
      }
      return number;
    };
    const rows = routes.slice(i, i + PIECE_ROWS).map((route): Row => {
      const { app, upstreams } = route;
      return {
        ...ownOf(route),
        app: numbers.get(app) as number,
        parts: PART_KEYS.map((key) =>
          key === "upstreams" && upstreams === app.upstreams ? OF_THE_APP : numberOf(route[key]),
        ),
      };
    });
    yield { apps: [], parts, rows };
  }
}

function ownOf(route: RouteSettings): Omit<Row, "app" | "parts"> {
  const { capability, path, mode, timeoutMs, attemptTimeoutMs, connectTimeoutMs, priority, bodyLimit } = route;
  return { capability, path, mode, timeoutMs, attemptTimeoutMs, connectTimeoutMs, priority, bodyLimit };
}
