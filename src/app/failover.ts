import type { FailoverService } from "../admin/services.ts";
import type { AppHealth } from "../core/health.ts";
import type { AppSettings, Manifest } from "../core/settings.ts";
import type { History } from "../storage/storage.ts";

/** What an operator sees and does of health and failover. */

export interface FailoverDeps {
  readonly manifest: () => Manifest;
  readonly history: Pick<History, "moves">;
  /** Unix milliseconds since when each upstream has stood as it does. */
  readonly since: number;
}

/** Nothing is probed and nothing moves: every upstream serves, by priority. */
export function failoverService({ manifest, history, since }: FailoverDeps): FailoverService {
  const find = (name: string): AppHealth | null => {
    const app = manifest().apps.find((one) => one.name === name);
    return app === undefined ? null : healthOf(app, since);
  };
  return {
    list: () => manifest().apps.map((app) => healthOf(app, since)),
    find,
    moves: (page) => history.moves(page),
    async switchTo(app, upstream) {
      const health = find(app);
      if (health === null) return "unknown_app";
      if (health.upstreams.length < 2) return "single";
      if (!health.upstreams.some((one) => one.upstream === upstream)) return "unknown_upstream";
      throw new Error("traffic cannot be moved yet");
    },
    release: async (app) => (find(app) === null ? "unknown_app" : "not_pinned"),
  };
}

function healthOf({ name, upstreams }: AppSettings, since: number): AppHealth {
  const ordered = upstreams.toSorted((a, b) => a.priority - b.priority || b.weight - a.weight);
  const active = ordered[0]?.name ?? null;
  return {
    app: name,
    status: "unknown",
    active,
    pinned: null,
    panic: false,
    upstreams: ordered.map((one) => ({
      upstream: one.name,
      url: one.url,
      priority: one.priority,
      weight: one.weight,
      standing: "serving",
      since,
      cause: null,
      status: "unknown",
      active: one.name === active,
      consecutiveFailures: 0,
      lastCheck: null,
      samples: 0,
      responseMs: null,
      successRate: null,
      wellSince: null,
      returnsAt: null,
    })),
  };
}
