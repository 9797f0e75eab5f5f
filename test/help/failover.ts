import type { FailoverService } from "../../src/admin/services.ts";
import type { AppHealth, UpstreamHealth } from "../../src/core/health.ts";
import type { NewMove, StoredMove } from "../../src/core/stored.ts";

/** Apps held in memory, as the composition root would show and move them. */
export interface TestFailover extends FailoverService {
  readonly apps: Map<string, AppHealth>;
  /** Each change as it was asked for. */
  readonly calls: unknown[];
  /** From then on the history does not answer. */
  away: boolean;
}

const AT = 1_767_225_600_000;

/** One that serves and is well, unless `given` says otherwise. */
export function upstreamHealth(given: Partial<UpstreamHealth> = {}): UpstreamHealth {
  return {
    upstream: "primary",
    url: "http://10.0.0.5:9000",
    priority: 0,
    weight: 1,
    standing: "serving",
    since: AT,
    cause: null,
    status: "healthy",
    active: false,
    consecutiveFailures: 0,
    lastCheck: {
      at: AT + 1_000,
      status: "healthy",
      answered: true,
      httpStatus: 200,
      durationMs: 12.3456,
      reason: null,
      proxyError: null,
      detail: null,
      details: { status: "ok", queue: 3 },
    },
    lastFailure: null,
    samples: 40,
    responseMs: 8.7654,
    successRate: 97.5,
    wellSince: null,
    returnsAt: null,
    ...given,
  };
}

/** Its primary is away, and the backup has the traffic. */
export function appHealth(given: Partial<AppHealth> = {}): AppHealth {
  return {
    app: "quiz",
    status: "degraded",
    active: "backup",
    pinned: null,
    panic: false,
    upstreams: [
      upstreamHealth({
        standing: "away",
        cause: "hang",
        status: "unhealthy",
        consecutiveFailures: 12,
        lastCheck: {
          at: AT + 2_000,
          status: "unhealthy",
          answered: false,
          httpStatus: 0,
          durationMs: 1000,
          reason: "connect",
          proxyError: "connection_refused",
          detail: "connect ECONNREFUSED 10.0.0.5:9000",
          details: null,
        },
        samples: 0,
        responseMs: null,
        successRate: null,
      }),
      upstreamHealth({ upstream: "backup", url: "http://10.0.0.6:9000", priority: 1, active: true }),
    ],
    ...given,
  };
}

/** With one upstream, of which nothing is known. */
export function singleApp(app: string): AppHealth {
  const upstream = upstreamHealth({ active: true, status: "unknown", lastCheck: null });
  return appHealth({ app, status: "unknown", active: "primary", upstreams: [upstream] });
}

export function newMove(given: Partial<NewMove> = {}): NewMove {
  return {
    app: "quiz",
    kind: "failover",
    from: "primary",
    to: "backup",
    reason: "hang",
    by: null,
    at: AT,
    durationMs: 812.3456,
    ...given,
  };
}

/** `history` is where moves are kept; without one there are none. */
export function testFailover(given: readonly AppHealth[], history?: Pick<FailoverService, "moves">): TestFailover {
  const apps = new Map(given.map((health) => [health.app, health]));
  const calls: unknown[] = [];
  const self: TestFailover = {
    apps,
    calls,
    away: false,
    list: () => [...apps.values()],
    find: (app) => apps.get(app) ?? null,
    async moves(page) {
      if (self.away) throw new Error("the storage thread is being started again");
      return history === undefined ? { items: [] as StoredMove[], next: null } : history.moves(page);
    },
    async switchTo(app, upstream, by) {
      calls.push(["switch", app, upstream, by]);
      const health = apps.get(app);
      if (health === undefined) return "unknown_app";
      if (health.upstreams.length === 1) return "single";
      if (!health.upstreams.some((one) => one.upstream === upstream)) return "unknown_upstream";
      const upstreams = health.upstreams.map((one) => ({ ...one, active: one.upstream === upstream }));
      apps.set(app, { ...health, active: upstream, pinned: { upstream, by, at: AT + 5_000 }, upstreams });
      return "done";
    },
    async release(app, by) {
      calls.push(["release", app, by]);
      const health = apps.get(app);
      if (health === undefined) return "unknown_app";
      if (health.pinned === null) return "not_pinned";
      apps.set(app, { ...health, pinned: null });
      return "done";
    },
  };
  return self;
}
