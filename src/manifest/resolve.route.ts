import type {
  BreakerSettings,
  FallbackSettings,
  JsonObject,
  MatchSettings,
  RetrySettings,
  RouteSettings,
} from "../core/settings.route.ts";
import type { AppSettings, UpstreamSettings } from "../core/settings.ts";
import type { Document, Loading } from "./document.ts";
import type { Complete, Layer, Mode } from "./layers.ts";
import { memo } from "./memo.ts";
import { originOf } from "./origin.ts";
import { resolveFallbacks } from "./resolve.fallback.ts";
import { createShare } from "./share.ts";

/** One route from its merged layers. Equal parts of routes are one object: most routes differ in little. */

export interface RouteContext {
  readonly app: AppSettings;
  readonly capability: string;
  readonly mode: Mode;
  readonly merged: Complete;
  readonly layers: readonly Layer[];
}

/** Compiles a JSON Schema, or says why it can't. Passed in, since checking responses is another folder's. */
export type CheckSchema = (
  schema: JsonObject,
) => { readonly ok: true } | { readonly ok: false; readonly error: string };

/** Makes routes; null where neither path nor URL is known, which the caller reports. */
export function createRouteResolver(
  loading: Loading,
  checkSchema: CheckSchema,
): (context: RouteContext) => RouteSettings | null {
  const fallbacks = memo<NonNullable<Complete["fallback"]>, readonly FallbackSettings[]>();
  const responses = memo<Complete["response"], RouteSettings["response"]>();
  const schemas = createSchemaReader(loading, checkSchema);
  // Not for `inbound` and `upstreams`: of those it matters who wrote them.
  const share = createShare();
  return (context) => {
    const { app, capability, mode, merged, layers } = context;
    const target = targetOf(merged, app);
    if (target === null) return null;
    return {
      key: `${app.name}/${capability}`,
      app,
      capability,
      match: matchOf(merged, app.name, capability),
      ...target,
      mode,
      timeoutMs: merged.timeout,
      attemptTimeoutMs: merged.attempt_timeout ?? null,
      connectTimeoutMs: merged.connect_timeout,
      retry: share.of(retryOf(merged.retry)),
      breaker: share.of(breakerOf(merged.breaker)),
      fallback: share.of(
        fallbacks(merged.fallback, (written) =>
          resolveFallbacks(written, originOf(layers, ["fallback"]).layer, loading),
        ),
      ),
      response: share.of(
        responses(merged.response, ({ format, status, max, schema }) => ({
          format,
          status,
          schema: schema === undefined ? null : schemas(schema, layers),
          maxBytes: max,
        })),
      ),
      verify: share.of(verifyOf(merged.verify)),
      orderBy: share.of(merged.order_by ?? null),
      idempotency: share.of(idempotencyOf(merged.idempotency)),
      priority: merged.priority,
      bodyLimit: merged.body_limit,
      headers: share.of(headersOf(merged.headers)),
      inbound: inboundOf(merged.inbound),
    };
  };
}

function targetOf(merged: Complete, app: AppSettings): { path: string; upstreams: readonly UpstreamSettings[] } | null {
  if (merged.url) {
    const { prefix: _prefix, ...url } = merged.url;
    const written = /^https?:\/\/[^/]+(\/.*)?$/.exec(url.url)?.[1];
    // The whole path goes into `path`, so that what two webhooks send to one place shares its upstream.
    const upstream = {
      name: url.authority,
      ...url,
      url: url.url.slice(0, url.url.length - (written?.length ?? 0)),
      prefix: "",
      priority: 0,
      weight: 1,
    };
    return { path: written ?? "/", upstreams: [upstream] };
  }
  return merged.path === undefined ? null : { path: merged.path, upstreams: app.upstreams };
}

const NOTHING: readonly never[] = [];

function matchOf({ match }: Complete, app: string, capability: string): MatchSettings {
  return {
    path: match?.path ?? `/${app}/${capability}`,
    methods: match?.methods?.map((m) => m.toUpperCase()) ?? null,
    host: match?.host ?? null,
    headers: match?.headers
      ? Object.entries(match.headers).map(([name, value]) => [name.toLowerCase(), value] as const)
      : NOTHING,
  };
}

const retryMemo = memo<Complete["retry"], RetrySettings>();
function retryOf(retry: Complete["retry"]): RetrySettings {
  return retryMemo(retry, (r) => ({
    attempts: r.attempts,
    initialMs: r.initial,
    maxMs: r.max,
    factor: r.factor,
    jitter: r.jitter,
    budget: r.budget,
    maxAgeMs: r.max_age,
    repeat: r.repeat,
    transient: r.transient,
    permanent: r.permanent,
  }));
}

const breakerMemo = memo<Complete["breaker"], BreakerSettings>();
function breakerOf(breaker: Complete["breaker"]): BreakerSettings {
  return breakerMemo(breaker, (b) => ({
    enabled: b.enabled,
    failures: b.failures,
    recoveryMs: b.recovery,
    recoveryMaxMs: Math.max(b.recovery_max, b.recovery),
    successes: b.successes,
    probes: b.probes,
    failureRate: b.failure_rate,
    windowMs: b.window,
    minSamples: b.min_samples,
    dryRun: b.dry_run,
  }));
}

const verifyMemo = memo<NonNullable<Complete["verify"]>, NonNullable<RouteSettings["verify"]>>();
function verifyOf(verify: Complete["verify"]): RouteSettings["verify"] {
  if (verify === undefined) return null;
  return verifyMemo(verify, ({ poll }) => ({
    path: poll.path,
    intervalMs: poll.interval ?? 1000,
    timeoutMs: poll.timeout ?? 60_000,
    until: poll.until,
    fail: poll.fail ?? null,
  }));
}

const idempotencyMemo = memo<NonNullable<Complete["idempotency"]>, NonNullable<RouteSettings["idempotency"]>>();
function idempotencyOf(idempotency: Complete["idempotency"]): RouteSettings["idempotency"] {
  if (idempotency === undefined) return null;
  return idempotencyMemo(idempotency, ({ header = "Idempotency-Key", ttl = 86_400_000 }) => ({
    header: header.toLowerCase(),
    ttlMs: ttl,
  }));
}

const NO_HEADERS: RouteSettings["headers"] = { set: [], remove: [] };
const headersMemo = memo<NonNullable<Complete["headers"]>, RouteSettings["headers"]>();
function headersOf(headers: Complete["headers"]): RouteSettings["headers"] {
  if (headers === undefined) return NO_HEADERS;
  return headersMemo(headers, ({ set = {}, remove = [] }) => ({
    set: Object.entries(set),
    remove: remove.map((name) => name.toLowerCase()),
  }));
}

const inboundMemo = memo<NonNullable<Complete["inbound"]>, NonNullable<RouteSettings["inbound"]>>();
function inboundOf(inbound: Complete["inbound"]): RouteSettings["inbound"] {
  if (inbound === undefined) return null;
  return inboundMemo(inbound, ({ verify, secrets, header, tolerance = 300_000 }) => ({
    verify,
    secrets,
    header: header?.toLowerCase() ?? null,
    toleranceMs: tolerance,
  }));
}

/** Reads JSON Schema files: each once, however many routes name it. */
function createSchemaReader({ files, report }: Loading, check: CheckSchema) {
  const known = new Map<string, JsonObject | { readonly wrong: string }>();
  const read = (document: Document<unknown>, named: string): JsonObject | { readonly wrong: string } => {
    const file = document.read(named, files);
    if ("error" in file) return { wrong: file.error };
    const path = document.resolve(named);
    try {
      const schema = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.bytes)) as JsonObject;
      const object = schema !== null && typeof schema === "object" && !Array.isArray(schema);
      const checked = object ? check(schema) : { ok: false as const, error: "it is no JSON object" };
      return checked.ok ? schema : { wrong: `${path} is no JSON Schema: ${checked.error}` };
    } catch (error) {
      // The parser's own message quotes the text, and what was named by mistake may be a secret.
      const [where = ""] = /(at position|\(line).*$/.exec(error instanceof Error ? error.message : "") ?? [];
      return { wrong: `${path} is no JSON${where === "" ? "" : ` ${where}`}` };
    }
  };
  return (named: string, layers: readonly Layer[]): JsonObject | null => {
    const origin = originOf(layers, ["response", "schema"]);
    if (origin.layer.kind !== "file") return null;
    const path = origin.layer.document.resolve(named);
    let schema = known.get(path);
    if (schema === undefined) {
      schema = read(origin.layer.document, named);
      known.set(path, schema);
    }
    if (!("wrong" in schema)) return schema;
    report.error(origin.layer.document.place(origin.path, "value"), origin.path, String(schema.wrong));
    return null;
  };
}
