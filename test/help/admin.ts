import { onTestFinished } from "vitest";
import { type AdminServerOptions, createAdminServer } from "../../src/admin/server.ts";
import type { AdminServices, BreakerInfo } from "../../src/admin/services.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createEventBus, type EventBus } from "../../src/core/events.ts";
import { systemRandom } from "../../src/core/random.ts";
import type { Address } from "../../src/core/settings.ts";
import type { NewAudit } from "../../src/core/stored.ts";
import { strictWire } from "../../src/proxy/wire.strict.ts";
import { testAlerts } from "./alerts.ts";
import { emptyCalls } from "./calls.ts";
import { testDeliveries } from "./deliveries.ts";
import { singleApp, testFailover } from "./failover.ts";
import { testNotifications } from "./notifications.ts";

/** A service behind a real admin listener: what the composition root would fill, held in memory. */

export const OPERATOR = "operator-token-operator-token";
export const VIEWER = "viewer-token-viewer-token";

export interface TestAdmin {
  /** As in `http://127.0.0.1:4711`. */
  readonly url: string;
  readonly bus: EventBus;
  readonly audit: NewAudit[];
  readonly errors: unknown[];
  close(): Promise<void>;
  /** Asks as the operator, unless `headers` hold another Authorization. */
  ask(path: string, init?: RequestInit): Promise<Response>;
}

export function breakerInfo(given: Partial<BreakerInfo> = {}): BreakerInfo {
  return {
    app: "quiz",
    capability: "winner",
    upstream: "primary",
    state: "closed",
    since: 1_767_225_600_000,
    until: null,
    consecutiveFailures: 0,
    windowTotal: 0,
    windowFailures: 0,
    reopenings: 0,
    dryRun: false,
    enabled: true,
    ...given,
  };
}

export function adminServices(given: Partial<AdminServices> = {}): AdminServices {
  return {
    clock: systemClock,
    random: systemRandom,
    tokens: () => TOKENS,
    allowedHosts: () => ["outrigger.internal"],
    ready: () => ({ ready: true, reasons: [] }),
    metrics: async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", body: "up 1\n" }),
    status: () => ({
      version: "1.2.3",
      node: "v26.0.0",
      startedAt: systemClock.wall() - 5000,
      listen: { proxy: "127.0.0.1:8080", admin: "127.0.0.1:9090" },
      inFlight: new Map([["quiz", 2]]),
      redis: null,
    }),
    routes: () => [
      {
        app: "quiz",
        capability: "winner",
        mode: "sync",
        match: { path: "/quiz/winner", methods: ["POST"], host: null, headers: [["X-Event", "winner"]] },
        timeoutMs: 5000,
        attempts: 2,
        fallback: ["random_pick"],
        upstreams: [{ name: "primary", url: "http://10.0.0.5:9000", priority: 0 }],
      },
    ],
    breakers: { list: () => [breakerInfo()], reset: () => "done", trip: () => "done" },
    failover: testFailover([singleApp("quiz")]),
    deliveries: testDeliveries(),
    verification: async () => [],
    calls: emptyCalls(),
    alerts: testAlerts(),
    notifications: testNotifications(),
    manifest: {
      current: () => ({
        revision: 3,
        hash: "abc",
        appliedAt: 1_767_225_600_000,
        by: "start",
        warnings: [],
        manifest: async () => JSON.stringify({ version: 1, admin: { tokens: "***" } }),
      }),
      rejection: () => null,
      validate: () => [],
      reload: async () => ({ ok: true, value: { revision: 4 } }),
      revisions: async () => ({ items: [], next: null }),
      revision: async (revision) => (revision === 3 ? '{"version":1,"admin":{"tokens":"***"}}' : null),
      explain: () => ({ kind: "none" }),
    },
    events: { on: () => () => {} },
    mask: (text) => text,
    audit: { add: () => {}, list: async () => ({ items: [], next: null }) },
    onError: () => {},
    ...given,
  };
}

const TOKENS = [
  { name: "ops", role: "operator", token: OPERATOR },
  { name: "watcher", role: "viewer", token: VIEWER },
] as const;

/** Opens a listener with these services on a free port; it is closed when the test ends. */
export async function startAdmin(
  given: Partial<AdminServices> = {},
  options: AdminServerOptions = {},
  address: Address = { kind: "tcp", host: "127.0.0.1", port: 0 },
): Promise<TestAdmin> {
  const bus = createEventBus((error) => errors.push(error));
  const errors: unknown[] = [];
  const audit: NewAudit[] = [];
  const services = adminServices({
    events: bus,
    audit: { add: (entry) => audit.push(entry), list: async () => ({ items: [], next: null }) },
    onError: (error) => errors.push(error),
    ...given,
  });
  const server = createAdminServer(services, strictWire(services.clock), options);
  const bound = await server.listen(address);
  onTestFinished(() => server.close());
  const url = `http://${bound}`;
  return {
    url,
    bus,
    audit,
    errors,
    close: () => server.close(),
    ask: (path, init = {}) =>
      fetch(`${url}${path}`, { ...init, headers: { Authorization: `Bearer ${OPERATOR}`, ...init.headers } }),
  };
}

/** What `path` answers below the API's base, asked as the operator with a JSON body if one is given. */
export async function api(
  admin: TestAdmin,
  path: string,
  body?: unknown,
  method = body === undefined ? "GET" : "POST",
): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }> {
  const response = await admin.ask(`/api/v1/admin${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
}

/** The same as a viewer. */
export async function apiAsViewer(
  admin: TestAdmin,
  path: string,
  method = "GET",
): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers = { Authorization: `Bearer ${VIEWER}` };
  const response = await admin.ask(`/api/v1/admin${path}`, { method, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
