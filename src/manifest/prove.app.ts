import ipaddr from "ipaddr.js";
import type { Address, UpstreamSettings } from "../core/settings.ts";
import type { Report } from "./problem.ts";
import { namesSecret } from "./prove.refs.ts";
import { tainted } from "./prove.route.ts";
import type { Resolved, ResolvedApp, ResolvedRoute } from "./resolve.ts";
import { formatDuration } from "./units.ts";

/** What an app and its upstreams promise. */

/** A dead upstream is found within this, or the manifest is refused. */
const DETECTION_MS = 5000;

export function proveApps({ apps, routes, manifest, main }: Resolved, report: Report): void {
  const byApp = Map.groupBy(routes, (route) => route.app);
  for (const app of apps) {
    const own = byApp.get(app) ?? [];
    const { document, path, settings } = app;
    if (settings.upstreams.length > 1 && !document.tainted([...path, "health"])) proveDetection(app, report);
    if (!main.tainted(["listen"])) proveNotOurselves(app, own, manifest.listen, report);
    warnOfPlainHttp(app, own, report);
    if (!document.tainted([...path, "context"])) proveContext(app, report);
    if (own.length === 0) continue;
    if (settings.owner === null && !document.tainted([...path, "owner"])) {
      report.warn(document.place(path), path, "no owner: nobody is told when this app fails");
    }
    warnOfLostPosts(app, own, report);
  }
}

function proveContext({ document, path, settings: { context } }: ResolvedApp, report: Report): void {
  for (const { label, from } of context) {
    const wrong = namesSecret(from);
    const at = [...path, "context", label];
    if (wrong !== null) report.error(document.place(at, "value"), at, wrong);
  }
}

function proveDetection({ document, path, settings: { health } }: ResolvedApp, report: Report): void {
  const { intervalMs, timeoutMs, unhealthyAfter, fastIntervalMs } = health;
  const worst = intervalMs + unhealthyAfter * timeoutMs + (unhealthyAfter - 1) * fastIntervalMs;
  if (worst < DETECTION_MS) return;
  const at = [...path, "health"];
  const sum =
    `interval ${formatDuration(intervalMs)} + ${unhealthyAfter} × timeout ${formatDuration(timeoutMs)}` +
    ` + ${unhealthyAfter - 1} × fast_interval ${formatDuration(fastIntervalMs)} = ${formatDuration(worst)}`;
  report.error(document.place(at), at, `with a backup a dead upstream must be found in less than 5s, but ${sum}`);
}

type Own = readonly ResolvedRoute[];

/** Each upstream once, with the path where it was written. */
export function placesOf(app: ResolvedApp, own: Own): { upstream: UpstreamSettings; path: readonly PropertyKey[] }[] {
  const places = app.settings.upstreams.map((upstream, i) => ({
    upstream,
    path: app.entry.upstreams ? [...app.path, "upstreams", i, "url"] : [...app.path, "url"],
  }));
  for (const { settings, path } of own) {
    const [upstream] = settings.upstreams;
    if (settings.upstreams === app.settings.upstreams || upstream === undefined) continue;
    const url = [...path, "url"];
    places.push({ upstream, path: app.document.has(url) ? url : [...path] });
  }
  return places;
}

function proveNotOurselves(
  app: ResolvedApp,
  own: Own,
  listen: { readonly proxy: Address; readonly admin: Address },
  report: Report,
): void {
  for (const { upstream, path } of placesOf(app, own)) {
    for (const [name, address] of [
      ["proxy", listen.proxy],
      ["admin", listen.admin],
    ] as const) {
      if (!reaches(upstream, address)) continue;
      const why = name === "proxy" ? "a request would go round in a circle" : "callers would reach the admin listener";
      report.error(app.document.place(path, "value"), path, `this upstream is listen.${name} itself: ${why}`);
    }
  }
}

const LOOPBACK = /^(localhost|.*\.localhost|127\..*|::1)$/;
const WILDCARD = /^(0\.0\.0\.0|::|\[::\])$/;

/** Does whoever dials this come to one of our own listeners? */
export function reaches({ hostname, port }: Pick<UpstreamSettings, "hostname" | "port">, address: Address): boolean {
  // Port 0 is chosen by the system later: no upstream can name it.
  if (address.kind === "unix" || address.port === 0 || address.port !== port) return false;
  const host = address.host.toLowerCase();
  // To dial the wildcard address is to dial this machine.
  const here = LOOPBACK.test(hostname) || WILDCARD.test(hostname);
  return hostname === host || (here && (LOOPBACK.test(host) || WILDCARD.test(host)));
}

function warnOfPlainHttp(app: ResolvedApp, own: Own, report: Report): void {
  for (const { upstream, path } of placesOf(app, own)) {
    if (upstream.secure || !isPublic(upstream.hostname)) continue;
    report.warn(
      app.document.place(path, "value"),
      path,
      `http to the public host ${upstream.hostname}: anyone between can read and change it; use https`,
    );
  }
}

const PRIVATE_NAME = /(^|\.)(localhost|local|internal|lan|home\.arpa|intranet|corp|svc|test|example|invalid)$/;

function isPublic(hostname: string): boolean {
  if (ipaddr.isValid(hostname)) return ipaddr.process(hostname).range() === "unicast";
  return hostname.includes(".") && !PRIVATE_NAME.test(hostname);
}

const SAFE_TO_REPEAT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

function warnOfLostPosts({ document, path, settings }: ResolvedApp, own: Own, report: Report): void {
  if (settings.upstreams.length < 2) return;
  const lost = own.filter(
    (route) =>
      route.settings.mode === "sync" &&
      route.settings.upstreams === settings.upstreams &&
      route.settings.retry.repeat === "safe" &&
      route.settings.idempotency === null &&
      (route.settings.match.methods ?? ["POST"]).some((method) => !SAFE_TO_REPEAT.has(method)) &&
      !tainted(route, "retry", "idempotency", "mode"),
  );
  if (lost.length === 0) return;
  const names = lost.slice(0, 3).map((route) => route.settings.capability);
  const more = lost.length > 3 ? ` and ${lost.length - 3} more` : "";
  report.warn(
    document.place([...path, "upstreams"]),
    [...path, "upstreams"],
    `POSTs in flight are lost at a failover on ${names.join(", ")}${more}: set retry.repeat: always or idempotency where the app allows it`,
  );
}
