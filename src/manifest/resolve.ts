import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings, Manifest } from "../core/settings.ts";
import type { Document, Loading } from "./document.ts";
import type { Environment } from "./environment.ts";
import { appLayer, type BaseLayers, type Complete, createBaseLayers, type Layer, type Mode, modeOf } from "./layers.ts";
import { memo } from "./memo.ts";
import { mergeEntry, mergeLayers } from "./merge.ts";
import { originOf } from "./origin.ts";
import { resolveAlerts } from "./resolve.alerts.ts";
import { resolveApp } from "./resolve.app.ts";
import { type CheckSchema, createRouteResolver } from "./resolve.route.ts";
import * as service from "./resolve.service.ts";
import type { AppEntry, Entry, ManifestEntry } from "./schema.ts";

/** From checked files to the manifest: every default filled in, and for each part the way back to where it was written. */

/** A file that may hold apps: the manifest itself, or one it includes. */
export type AppsDocument = Document<{ readonly apps?: Readonly<Record<string, AppEntry>> | undefined }>;

export interface ResolvedApp {
  readonly settings: AppSettings;
  readonly entry: AppEntry;
  readonly document: AppsDocument;
  readonly path: readonly PropertyKey[];
}

export interface ResolvedRoute {
  readonly settings: RouteSettings;
  readonly app: ResolvedApp;
  /** From the weakest to the strongest. */
  readonly layers: readonly Layer[];
  /** Where the webhook itself stands. */
  readonly path: readonly PropertyKey[];
}

export interface Resolved {
  readonly manifest: Manifest;
  readonly main: Document<ManifestEntry>;
  readonly env: Environment;
  readonly apps: readonly ResolvedApp[];
  readonly routes: readonly ResolvedRoute[];
}

export interface Resolving {
  readonly main: Document<ManifestEntry>;
  readonly included: readonly AppsDocument[];
  readonly env: Environment;
  readonly loading: Loading;
  readonly checkSchema: CheckSchema;
}

export function resolveManifest(resolving: Resolving): Resolved {
  const { main, env, loading } = resolving;
  const egress = service.resolveEgress(main.value.egress);
  const entries = collectApps(resolving);
  for (const { entry } of entries) loading.spend("routes", Object.keys(entry.webhooks ?? {}).length);
  const apps = entries.map(({ document, name, entry }): ResolvedApp => {
    const settings = resolveApp({ document, name, entry, env, loading, network: egress.default });
    return { settings, entry, document, path: ["apps", name] };
  });
  const routes = resolveRoutes(apps, resolving);
  const { value } = main;
  const limits = service.resolveLimits(value.limits);
  const largest = routes.reduce((most, { settings }) => Math.max(most, settings.bodyLimit), limits.body);
  const manifest: Manifest = {
    version: 1,
    listen: service.resolveListen(main, loading),
    dataDir: main.resolve(value.data_dir ?? "./data"),
    apps: apps.map((app) => app.settings),
    routes: routes.map((route) => route.settings),
    // Written, it bounds what routes may ask for (see prove.ts); unwritten, it follows them.
    limits: value.limits?.body === undefined ? { ...limits, body: largest } : limits,
    spool: service.resolveSpool(value.spool, env),
    redis: service.resolveRedis(value.redis, env),
    history: service.resolveHistory(value.history, env),
    admin: service.resolveAdmin(value.admin, env),
    egress,
    notify: service.resolveNotify(value.notify),
    alerts: resolveAlerts(value.alerts, env),
  };
  return { manifest, main, env, apps, routes };
}

function collectApps({ main, included, loading }: Resolving) {
  const apps = new Map<string, { document: AppsDocument; name: string; entry: AppEntry }>();
  for (const document of [main, ...included] as readonly AppsDocument[]) {
    for (const [name, entry] of Object.entries(document.value.apps ?? {})) {
      const first = apps.get(name);
      if (first === undefined) {
        apps.set(name, { document, name, entry });
        continue;
      }
      const path = ["apps", name];
      const { line } = first.document.source.position(first.document.place(path).offset);
      const message = `the app is already defined at ${first.document.source.file}:${line}`;
      loading.report.error(document.place(path), path, message);
    }
  }
  return [...apps.values()];
}

function resolveRoutes(apps: readonly ResolvedApp[], { main, env, loading, checkSchema }: Resolving): ResolvedRoute[] {
  const base = createBaseLayers(main, env);
  const resolveRoute = createRouteResolver(loading, checkSchema);
  // Most routes share all layers but the last ones: those are merged once, and again once for each app.
  const belowApp = memo<readonly Layer[], Complete>();
  const routes: ResolvedRoute[] = [];
  for (const app of apps) {
    const { document, entry, settings } = app;
    const own = appLayer(document, settings.name, entry);
    const belowWebhook = memo<readonly Layer[], { layers: readonly Layer[]; merged: Complete }>();
    for (const [capability, webhook] of Object.entries(entry.webhooks ?? {})) {
      const path = [...app.path, "webhooks", capability];
      const mode = modeFor(webhook, entry, base, capability);
      const below = belowWebhook(base.of(capability, mode), (layers) => ({
        layers: [...layers, own],
        merged: mergeEntry(belowApp(layers, mergeLayers), own.entry),
      }));
      const layers = [...below.layers, { entry: webhook, from: { kind: "file", document, path } } as const];
      const merged = mergeEntry(below.merged, webhook);
      const route = resolveRoute({ app: settings, capability, mode, merged, layers });
      if (route !== null) routes.push({ settings: route, app, layers, path });
      checkTarget({ app, webhook, path, known: route !== null, layers }, loading);
    }
  }
  return routes;
}

function modeFor(webhook: Entry, app: AppEntry, base: BaseLayers, capability: string): Mode {
  return modeOf(webhook) ?? modeOf(app) ?? base.mode(capability) ?? "sync";
}

interface Target {
  readonly app: ResolvedApp;
  readonly webhook: Entry;
  readonly path: readonly PropertyKey[];
  readonly known: boolean;
  readonly layers: readonly Layer[];
}

/** A webhook says where it goes in exactly one way, and there is an upstream to go to. */
function checkTarget({ app, webhook, path, known, layers }: Target, { report }: Loading): void {
  const { document, settings } = app;
  if (document.tainted(path)) return;
  if (webhook.path !== undefined && webhook.url !== undefined) {
    report.error(document.place([...path, "url"]), [...path, "url"], "either path or url, not both");
  } else if (!known && !document.tainted([...app.path, "path"])) {
    report.error(document.place(path), path, "the webhook says not where it goes: expected path or url");
  } else if (settings.upstreams.length === 0 && originOf(layers, ["path"]).path.at(-1) !== "url") {
    if (document.tainted([...app.path, "upstreams"]) || document.tainted([...app.path, "url"])) return;
    report.error(document.place(app.path), app.path, "the app has nowhere to send to: expected url or upstreams");
  }
  if (webhook.mode !== undefined && webhook.async !== undefined && (webhook.mode === "async") !== webhook.async) {
    report.error(
      document.place([...path, "async"]),
      [...path, "async"],
      `async: ${webhook.async} contradicts mode: ${webhook.mode}`,
    );
  }
}
