import type { AlertRule } from "./alert.ts";
import type { JsonValue } from "./settings.route.ts";

/** What the whole process is told: see settings.ts for the units. */

export interface LimitSettings {
  readonly minTimeoutMs: number;
  readonly maxSyncTimeoutMs: number;
  readonly maxAsyncTimeoutMs: number;
  readonly body: number;
  readonly headerBytes: number;
  readonly headers: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly buffered: number;
  readonly drainMs: number;
}

export interface SpoolSettings {
  readonly driver: "sqlite" | "redis";
  readonly durability: "full" | "normal";
  readonly maxJobs: number;
  readonly maxBytes: number;
  readonly concurrency: number;
  readonly perApp: number;
  readonly retainDeliveredMs: number;
  readonly retainDeadMs: number;
  readonly batch: number;
}

export interface RedisSettings {
  readonly url: string;
  readonly keyPrefix: string;
  readonly shared: readonly ("breaker" | "failover" | "idempotency")[];
}

export interface HistorySettings {
  readonly retainMs: number;
  readonly samples: "all" | "failures" | "none";
  readonly samplesRate: number;
  readonly maxBytes: number;
}

export interface AdminSettings {
  readonly tokens: readonly { readonly name: string; readonly role: "viewer" | "operator"; readonly token: string }[];
  /** Lower case, without port. */
  readonly allowedHosts: readonly string[];
}

export interface EgressSettings {
  readonly default: "any" | "public";
  /** CIDR ranges. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export type ChannelSettings =
  | {
      readonly name: string;
      readonly type: "email";
      readonly smtp: string;
      readonly from: string;
      readonly to: readonly string[] | "owner";
    }
  | {
      readonly name: string;
      readonly type: "slack" | "discord" | "webhook";
      readonly url: string;
      readonly secret: string | null;
    }
  | {
      readonly name: string;
      readonly type: "http";
      /** A template after its authority; see notice.ts. */
      readonly url: string;
      readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
      /** Values are templates. */
      readonly headers: readonly (readonly [name: string, value: string])[];
      /** Its texts are templates. null: the event itself, where the method has a body. */
      readonly body: JsonValue | null;
      readonly timeoutMs: number;
      readonly retry: NotifyRetry;
    };

export interface NotifyRetry {
  /** All tries, the first included. */
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

export interface NotifySettings {
  readonly channels: readonly ChannelSettings[];
  readonly routes: readonly {
    readonly on: readonly string[];
    /** null: all. */
    readonly apps: readonly string[] | null;
    readonly to: readonly string[];
  }[];
}

export interface AlertSettings {
  readonly intervalMs: number;
  readonly repeatEveryMs: number;
  readonly rules: readonly AlertRule[];
}
