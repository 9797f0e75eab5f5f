import type { AppSettings, UpstreamSettings } from "./settings.ts";

/** A route of the resolved manifest: see settings.ts for the units. */

/** A value taken from a request: a header (lower case), or a JSON pointer (RFC 6901) into the body. */
export type ValueRef =
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "body"; readonly pointer: string };

/** Inclusive. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

export interface RouteSettings {
  /** `app.name/capability`. */
  readonly key: string;
  readonly app: AppSettings;
  readonly capability: string;
  readonly match: MatchSettings;
  /** Appended to the upstream's prefix: begins with `/`, or is empty when the webhook is a whole URL. */
  readonly path: string;
  /** The app's, or the one of the webhook's own URL. */
  readonly upstreams: readonly UpstreamSettings[];
  readonly mode: "sync" | "async" | "passthrough";
  readonly timeoutMs: number;
  /** null: derived from the time left (behaviour, "time of a try"). */
  readonly attemptTimeoutMs: number | null;
  readonly connectTimeoutMs: number;
  readonly retry: RetrySettings;
  readonly breaker: BreakerSettings;
  /** Tried in order; empty is strategy `none`. */
  readonly fallback: readonly FallbackSettings[];
  readonly response: {
    readonly format: "auto" | "raw" | "envelope";
    readonly status: readonly StatusRange[];
    /** The JSON Schema itself, read from its file. */
    readonly schema: JsonObject | null;
    readonly maxBytes: number;
  };
  readonly verify: VerifySettings | null;
  readonly orderBy: { readonly key: ValueRef; readonly onDead: "release" | "block" } | null;
  /** The header in lower case. */
  readonly idempotency: { readonly header: string; readonly ttlMs: number } | null;
  readonly priority: number;
  readonly bodyLimit: number;
  readonly headers: {
    readonly set: readonly (readonly [name: string, value: string])[];
    /** Lower case. */
    readonly remove: readonly string[];
  };
  readonly inbound: InboundSettings | null;
}

export interface MatchSettings {
  /** As written: exact, or with `:name` segments or a final `/*`. */
  readonly path: string;
  /** Upper case; null is any but CONNECT and TRACE. */
  readonly methods: readonly string[] | null;
  /** Lower case `host[:port]`, compared with the Host header. */
  readonly host: string | null;
  /** Lower-case name, exact value. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A number is a status; `5xx` a class; `timeout`, `network`, `invalid_response` kinds; other words error codes of an envelope. */
export type WorthCode = number | string;

export interface RetrySettings {
  /** All tries, the first included. */
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
  readonly jitter: "full" | "equal" | "none";
  /** Percent. */
  readonly budget: number;
  readonly maxAgeMs: number;
  readonly repeat: "safe" | "always";
  readonly transient: readonly WorthCode[];
  readonly permanent: readonly WorthCode[];
}

export interface BreakerSettings {
  readonly enabled: boolean;
  readonly failures: number;
  readonly recoveryMs: number;
  readonly recoveryMaxMs: number;
  readonly successes: number;
  readonly probes: number;
  /** Percent. */
  readonly failureRate: number;
  readonly windowMs: number;
  readonly minSamples: number;
  readonly dryRun: boolean;
}

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Text may hold `{body:/pointer}` and `{header:Name}`. */
export type FallbackSettings =
  | {
      readonly strategy: "static";
      readonly status: number;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly body: StaticBody;
    }
  | {
      readonly strategy: "random_pick";
      /** JSON pointer to an array in the request body. */
      readonly from: string;
      /** JSON pointer of one segment or more in `data` where the pick goes, as in `/winner`. */
      readonly as: string;
      readonly count: number;
      readonly status: number;
      /** null: the envelope. */
      readonly body: JsonValue | null;
    }
  | { readonly strategy: "pending_approval"; readonly status: number; readonly body: JsonValue | null }
  | {
      readonly strategy: "last_good";
      readonly maxAgeMs: number;
      /** null: method, target, body and credentials. */
      readonly key: readonly ValueRef[] | null;
    }
  | { readonly strategy: "spool" };

export type StaticBody =
  | { readonly kind: "json"; readonly value: JsonValue }
  | { readonly kind: "text"; readonly text: string }
  /** Read when the manifest was loaded; sent as it is. */
  | { readonly kind: "file"; readonly path: string; readonly bytes: Uint8Array };

export interface VerifySettings {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly until: { readonly pointer: string; readonly in: readonly JsonValue[] };
  readonly fail: { readonly pointer: string; readonly in: readonly JsonValue[] } | null;
}

export interface InboundSettings {
  readonly verify: "github" | "stripe" | "slack" | "standard-webhooks" | "hmac" | "bearer";
  readonly secrets: readonly string[];
  /** Lower case; null: the scheme's own. */
  readonly header: string | null;
  readonly toleranceMs: number;
}
