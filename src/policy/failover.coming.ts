import type { AppSettings, UpstreamSettings } from "../core/settings.ts";
import type { StoredHealth, UpstreamId } from "../core/stored.ts";
import type { Rules } from "./failover.judge.ts";
import { createMember, type MemberDeps, type MemberHooks, type UpstreamMember } from "./failover.member.ts";
import type { Member } from "./failover.period.ts";
import { resized } from "./failover.signs.ts";
import { keyOf, restoreMember } from "./failover.stored.ts";
import type { TellingDeps } from "./failover.telling.ts";

/**
 * Upstreams of a manifest that is not in force yet: its plans hold them, but they have no timer and no part in
 * anything until they are opened.
 */
export interface Coming {
  of(settings: UpstreamSettings): UpstreamMember;
  /** As this or another process last knew it; `fresh` is how one begins that nobody knows. */
  open(settings: UpstreamSettings, app: AppSettings, rules: Rules, fresh: Member): Opened;
  /** A manifest is in force: others that were to come with it do not. */
  clear(): void;
}

interface Opened {
  readonly own: UpstreamMember;
  readonly member: Member;
}

export interface ComingDeps extends MemberDeps, Pick<TellingDeps, "sharing"> {
  /** What was last saved of it, in this process or another; null for nothing. */
  readonly recall: (id: UpstreamId) => StoredHealth | null;
}

export function createComing(hooks: MemberHooks, deps: ComingDeps): Coming {
  const coming = new Map<string, UpstreamMember>();
  const of = (settings: UpstreamSettings): UpstreamMember => {
    const key = keyOf(settings);
    const own = coming.get(key) ?? createMember(settings, hooks, deps);
    coming.set(key, own);
    return own;
  };
  return {
    of,
    open(settings, app, rules, fresh) {
      const own = of(settings);
      const now = deps.clock.now();
      const { name, url } = settings;
      const id = { app: app.name, upstream: name, url };
      // It was made while the manifest before was in force.
      own.settings = settings;
      own.cell.tally = resized(own.cell.tally, rules.failover.windowMs, now);
      own.cell.tally.objected = deps.sharing?.objected(id) ?? false;
      const known = { row: deps.recall(id), peer: deps.sharing?.recall(id) ?? null };
      const kept = app.upstreams.length > 1 ? rules : null;
      return { own, member: restoreMember(own, fresh, known, kept, now, deps.clock.wall()) };
    },
    clear: () => coming.clear(),
  };
}
