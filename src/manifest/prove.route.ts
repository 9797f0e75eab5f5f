import type { LimitSettings } from "../core/settings.service.ts";
import { originOf } from "./origin.ts";
import type { Report } from "./problem.ts";
import { proveInbound } from "./prove.inbound.ts";
import { namesSecret } from "./prove.refs.ts";
import type { Resolved, ResolvedRoute } from "./resolve.ts";
import { formatDuration, formatSize } from "./units.ts";

/** What each route promises by itself. */

/** The least a try can take and still be called one. */
const TRY_MS = 100;

export function proveRoutes({ routes, manifest, main }: Resolved, report: Report): void {
  const seen = new Set<unknown>();
  for (const route of routes) {
    const say = sayAbout(route, report);
    if (!tainted(route, "timeout", "mode", "async")) {
      // Limits that are broken themselves can refuse nobody.
      if (!main.tainted(["limits"])) proveTimeout(route, manifest.limits, say);
      if (!tainted(route, "retry")) proveBackoff(route, say);
    }
    if (!tainted(route, "retry")) proveCodes(route, say);
    if (!tainted(route, "retry", "fallback")) proveRepeat(route, say);
    if (!tainted(route, "breaker")) proveRecovery(route, say);
    if (!tainted(route, "mode", "async", "order_by")) proveOrder(route, say);
    if (!tainted(route, "mode", "async", "verify")) proveVerify(route, say);
    if (!tainted(route, "mode", "async", "inbound")) proveInbound(route, seen, say);
    if (!tainted(route, "mode", "async")) proveSign(route, say);
    if (!tainted(route, "body_limit")) proveBody(route, manifest.limits, say);
  }
}

/** Did the file hold a problem in one of these keys, in any layer? Then what is proved of them means nothing. */
export function tainted(route: ResolvedRoute, ...keys: readonly string[]): boolean {
  for (const { from } of route.layers) {
    // Of a document without a problem, as they nearly all are, no path need be put together.
    if (from.kind !== "file" || !from.document.tainted(ANYWHERE)) continue;
    if (keys.some((key) => from.document.tainted([...from.path, key]))) return true;
  }
  return false;
}

const ANYWHERE: readonly never[] = [];

/** Says something at the place that set the first of `keys` that was set at all; else at the webhook. */
export type Say = (keys: readonly (readonly PropertyKey[])[], message: string, severity?: "warning") => void;

function sayAbout(route: ResolvedRoute, report: Report): Say {
  return (keys, message, severity) => {
    const speak = severity === "warning" ? report.warn : report.error;
    for (const key of keys) {
      const { layer, path } = originOf(route.layers, key);
      // Where the line is not the route's own, say which route it is about.
      const own = route.layers.at(-1)?.from === layer;
      if (layer.kind === "file") {
        return speak(layer.document.place(path), path, own ? message : `${message} (${route.settings.key})`);
      }
      const name = layer.kind === "env" ? layer.names.get(path.join(".")) : undefined;
      if (name !== undefined) return report.env(name, `${message} (${route.settings.key})`);
    }
    speak(route.app.document.place(route.path), route.path, message);
  };
}

function proveTimeout({ settings }: ResolvedRoute, limits: LimitSettings, say: Say): void {
  const { mode, timeoutMs, attemptTimeoutMs } = settings;
  const name = mode === "sync" ? "max_sync_timeout" : "max_async_timeout";
  const most = mode === "sync" ? limits.maxSyncTimeoutMs : limits.maxAsyncTimeoutMs;
  if (timeoutMs < limits.minTimeoutMs) {
    const timeout = formatDuration(timeoutMs);
    say([["timeout"]], `timeout ${timeout} is below limits.min_timeout ${formatDuration(limits.minTimeoutMs)}`);
  } else if (timeoutMs > most) {
    const timeout = formatDuration(timeoutMs);
    say(
      [["timeout"]],
      `timeout ${timeout} of ${mode === "async" ? "an" : "a"} ${mode} route is above limits.${name} ${formatDuration(most)}`,
    );
  }
  if (attemptTimeoutMs !== null && attemptTimeoutMs > timeoutMs) {
    const said = `attempt_timeout ${formatDuration(attemptTimeoutMs)} never comes into play: timeout is ${formatDuration(timeoutMs)}`;
    say([["attempt_timeout"]], said, "warning");
  }
}

function proveBackoff({ settings }: ResolvedRoute, say: Say): void {
  const { mode, timeoutMs, retry } = settings;
  if (mode !== "sync" || retry.attempts < 2) return;
  const waits = Array.from({ length: retry.attempts - 1 }, (_, i) =>
    Math.min(retry.maxMs, retry.initialMs * retry.factor ** i),
  );
  const waiting = waits.reduce((sum, wait) => sum + wait, 0);
  const needed = waiting + retry.attempts * TRY_MS;
  if (needed <= timeoutMs) return;
  const shown = waits.slice(0, 4).map((ms) => formatDuration(Math.round(ms)));
  const sum = `${shown.join(" + ")}${waits.length > 4 ? " + …" : ""}`;
  say(
    [["retry", "attempts"], ["retry", "initial"], ["retry", "max"], ["retry", "factor"], ["timeout"]],
    `${retry.attempts} tries do not fit the timeout of ${formatDuration(timeoutMs)}: backoffs of up to ${sum}` +
      ` = ${formatDuration(Math.round(waiting))}, and ${retry.attempts} × ${TRY_MS}ms for the tries, make ` +
      `${formatDuration(Math.round(needed))}; lower retry.attempts, retry.initial or retry.max, or raise timeout`,
  );
}

function proveCodes({ settings: { retry } }: ResolvedRoute, say: Say): void {
  for (const code of retry.transient) {
    if (retry.permanent.includes(code))
      say(
        [
          ["retry", "transient"],
          ["retry", "permanent"],
        ],
        `${code} is both transient and permanent`,
      );
  }
}

function proveRepeat(route: ResolvedRoute, say: Say): void {
  const { fallback, retry } = route.settings;
  const later = fallback.find((f) => f.strategy === "pending_approval" || f.strategy === "spool");
  const origin = originOf(route.layers, ["retry", "repeat"]);
  if (later === undefined || retry.repeat !== "safe" || origin.layer.kind !== "file") return;
  const { document } = origin.layer;
  const { line } = document.source.position(document.place(origin.path).offset);
  const where = `${document.source.file}:${line}`;
  say([["fallback"]], `${later.strategy} sends the request again later, which repeat: safe at ${where} forbids`);
}

function proveRecovery({ settings: { breaker }, layers }: ResolvedRoute, say: Say): void {
  const strongest = layers.findLast(({ entry }) => entry.breaker?.recovery_max !== undefined);
  const max = strongest?.entry.breaker?.recovery_max;
  // The built-in one gives way to a longer recovery; a written one is a contradiction.
  if (max === undefined || strongest?.from.kind !== "file" || max >= breaker.recoveryMs) return;
  const recovery = formatDuration(breaker.recoveryMs);
  say([["breaker", "recovery_max"]], `recovery_max ${formatDuration(max)} is below recovery ${recovery}`);
}

function proveOrder({ settings }: ResolvedRoute, say: Say): void {
  if (settings.orderBy === null) return;
  const wrong = namesSecret(settings.orderBy.key);
  if (wrong !== null) say([["order_by"]], wrong);
  if (settings.mode === "async") return;
  say([["order_by"]], `order_by needs mode: async; this route is ${settings.mode}, where callers set the order`);
}

function proveVerify({ settings }: ResolvedRoute, say: Say): void {
  if (settings.verify === null || settings.mode !== "passthrough") return;
  say([["verify"]], "verify needs a whole answer, which a passthrough route streams on: use mode sync or async");
}

function proveSign({ settings }: ResolvedRoute, say: Say): void {
  if (settings.mode !== "passthrough" || settings.app.sign === null) return;
  say(
    [["mode"]],
    "what this route sends is not signed: a passthrough body is sent on while it comes, so sign of its app is left out",
    "warning",
  );
}

function proveBody({ settings }: ResolvedRoute, limits: LimitSettings, say: Say): void {
  if (settings.bodyLimit <= limits.body) return;
  say([["body_limit"]], `body_limit ${formatSize(settings.bodyLimit)} is above limits.body ${formatSize(limits.body)}`);
}
