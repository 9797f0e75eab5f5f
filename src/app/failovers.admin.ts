import type { FailoverService } from "../admin/services.ts";
import type { Clock } from "../core/clock.ts";
import type { AppHealth, UpstreamHealth } from "../core/health.ts";
import { maskJson } from "../manifest/mask.ts";
import type { History } from "../storage/storage.ts";
import type { Failovers } from "./failovers.ts";

export interface FailoverServiceDeps {
  readonly failovers: Failovers;
  readonly history: Pick<History, "moves">;
  readonly clock: Clock;
  /** Replaces the secrets of the manifest. */
  readonly mask: (text: string) => string;
}

/** What an operator sees and does of health and failover. */
export function failoverService({ failovers, history, clock, mask }: FailoverServiceDeps): FailoverService {
  const named = (name: string): boolean => failovers.list().some(({ app }) => app === name);
  // An app may repeat in its answer the path that it was asked at.
  const list = (): readonly AppHealth[] =>
    failovers.list().map((health) => {
      const upstreams = health.upstreams.map((upstream) => maskJson(upstream, mask) as unknown as UpstreamHealth);
      return { ...health, upstreams };
    });
  return {
    list,
    find: (name) => list().find(({ app }) => app === name) ?? null,
    moves: (page) => history.moves(page),
    async switchTo(name, upstream, by) {
      if (!named(name)) return "unknown_app";
      const own = failovers.find(name);
      if (own === null || own.health(clock.now()).upstreams.length < 2) return "single";
      return own.pin(upstream, by) ? "done" : "unknown_upstream";
    },
    async release(name, by) {
      if (!named(name)) return "unknown_app";
      return failovers.find(name)?.release(by) === true ? "done" : "not_pinned";
    },
  };
}
