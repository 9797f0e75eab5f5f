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
  /** Where people find the dashboard, without a trailing slash; null: where the listener is bound. */
  readonly publicUrl: string | null;
}

export interface EgressSettings {
  readonly default: "any" | "public";
  /** CIDR ranges. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export type ChannelSettings = ChannelCommon &
  (
    | {
        readonly type: "email";
        /** With user and password in it, where the server asks for them. */
        readonly smtp: string;
        readonly from: string;
        readonly to: readonly string[] | "owner";
      }
    | { readonly type: "slack" | "discord"; readonly url: string }
    | {
        readonly type: "webhook";
        readonly url: string;
        /** Of Standard Webhooks; null: unsigned. */
        readonly secret: string | null;
      }
    | {
        readonly type: "http";
        /** A template after its authority; see notice.ts. */
        readonly url: string;
        readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
        /** Values are templates. */
        readonly headers: readonly (readonly [name: string, value: string])[];
        /** Its texts are templates. null: the event itself, where the method has a body. */
        readonly body: JsonValue | null;
      }
  );

interface ChannelCommon {
  readonly name: string;
  /** Of one try. */
  readonly timeoutMs: number;
  readonly retry: NotifyRetry;
  /** More than so many a minute come as one; null: there is no such bound. */
  readonly perMinute: number | null;
}

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
