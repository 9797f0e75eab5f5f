import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings, Manifest } from "../core/settings.ts";
import { deepFreeze } from "../manifest/freeze.ts";
import type { LoadedManifest } from "../manifest/load.ts";
import { createMask } from "../manifest/mask.ts";
import { createShare, type Known } from "../manifest/share.ts";
import { unpackWritten, type Written } from "../manifest/written.ts";
import type { ServerTls } from "../proxy/listener.tls.ts";
import type { TlsMaterial } from "../upstream/connect.ts";
import {
  OF_THE_APP,
  PART_KEYS,
  type ParcelHead,
  type ParcelTail,
  type Part,
  type PartKey,
  type Piece,
  type Row,
  type Shown,
} from "./parcel.ts";

/** A manifest as it runs. */
export type Manifested = Omit<LoadedManifest, "masked" | "origins">;

/** What tells people of it: seldom asked for, so made when it is. */
export interface Told {
  readonly shown: Shown;
  /** Of one route, and of others beside it. */
  origins(routeKey: string): Written;
}

/** A manifest that was taken over and may be applied. */
export interface Unpacked {
  readonly loaded: Manifested;
  readonly tls: ServerTls | null;
  readonly appTls: ReadonlyMap<string, TlsMaterial>;
  /** What it is made of, for the unpacking of the manifest after it. */
  readonly known: Known;
}

/** With what tells people of it. */
export interface Complete extends Unpacked, Told {}

export interface Unpacker {
  /** In the order they were packed. */
  take(piece: Piece): void;
  end(head: ParcelHead): Unpacked;
}

/**
 * Puts a parcel together. Apps, routes and parts of equal content stay the objects that they are in `before`, so that
 * what a reload leaves as it was can be told by identity.
 */
export function createUnpacker(before: Unpacked | null): Unpacker {
  const share = createShare(before?.known);
  const old = new Map(before?.loaded.manifest.routes.map((route) => [route.key, route]));
  const apps: AppSettings[] = [];
  const parts: Part[] = [];
  const routes: RouteSettings[] = [];
  return {
    take(piece) {
      for (const app of piece.apps) apps.push(deepFreeze(share.once(app)));
      for (const part of piece.parts) parts.push(deepFreeze(share.once(part)));
      for (const row of piece.rows) {
        const route = routeOf(row, apps, parts);
        const same = old.get(route.key);
        routes.push(same !== undefined && equal(same, route) ? same : Object.freeze(route));
      }
    },
    end(head) {
      const lists = { apps: Object.freeze(apps), routes: Object.freeze(routes) };
      const manifest: Manifest = deepFreeze({ ...head.manifest, ...lists });
      return { loaded: manifestedOf(head, manifest), tls: head.tls, appTls: head.appTls, known: share.known };
    },
  };
}

// Apart from the unpacker, as are those below: a function made in there holds the manifest before for as long as it lives.
function manifestedOf(head: ParcelHead, manifest: Manifest): Manifested {
  const { warnings, files, hash, secrets } = head;
  return { manifest, warnings, files, hash, secrets, mask: createMask(secrets) };
}

/** Of the manifest that was packed with it. */
export function toldOf({ shown, written }: ParcelTail, { manifest }: Manifested): Told {
  return { shown, origins: (routeKey) => unpackWritten(written, manifest, routeKey) };
}

function routeOf({ app: number, parts: numbers, ...own }: Row, apps: readonly AppSettings[], parts: readonly Part[]) {
  const app = apps[number] as AppSettings;
  const shared: Partial<Record<PartKey, Part>> = {};
  for (const [i, key] of PART_KEYS.entries()) {
    const part = numbers[i] as number;
    shared[key] = part === OF_THE_APP ? app.upstreams : (parts[part] as Part);
  }
  return { key: `${app.name}/${own.capability}`, app, ...own, ...(shared as Pick<RouteSettings, PartKey>) };
}

/** Parts are shared, so equal ones are one. */
function equal(a: RouteSettings, b: RouteSettings): boolean {
  for (const key in b) if (a[key as keyof RouteSettings] !== b[key as keyof RouteSettings]) return false;
  return true;
}
