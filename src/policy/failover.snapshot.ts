import type { AppHealth, HealthStatus, UpstreamHealth } from "../core/health.ts";
import type { AppSettings } from "../core/settings.ts";
import type { StoredPin } from "../core/stored.ts";
import { type Rules, successRate } from "./failover.judge.ts";
import type { UpstreamMember } from "./failover.member.ts";
import type { Member } from "./failover.period.ts";
import { type Signs, signsOf } from "./failover.signs.ts";
import { activeOf, type FailoverState } from "./failover.state.ts";

/** What there is of an app. */
interface Whole {
  readonly app: AppSettings;
  readonly members: readonly UpstreamMember[];
  readonly state: FailoverState;
  readonly rules: Rules;
  readonly pin: StoredPin | null;
}

/** How an app is, for people. `now` and `wall` are the same moment on the two clocks. */
export function snapshot(whole: Whole, now: number, wall: number): AppHealth {
  const { app, members, state, rules, pin } = whole;
  const active = activeOf(state, rules);
  const single = members.length === 1;
  const upstreams = members.map((own, i) =>
    upstreamHealth(own, state.members[i] as Member, { active: i === active, single }, now, wall),
  );
  upstreams.sort((a, b) => a.priority - b.priority);
  return {
    app: app.name,
    status: statusOf(upstreams),
    active: members[active]?.settings.name ?? null,
    pinned: pin === null ? null : { upstream: pin.upstream, by: pin.by, at: pin.at },
    panic: active < 0 && members.length > 1,
    upstreams,
  };
}

function upstreamHealth(
  own: UpstreamMember,
  member: Member,
  { active, single }: { readonly active: boolean; readonly single: boolean },
  now: number,
  wall: number,
): UpstreamHealth {
  const { settings, cell, probe } = own;
  const wallOf = (at: number): number => Math.round(wall + at - now);
  const signs = signsOf(cell.tally, now);
  const wellSince = member.kind === "away" ? member.wellSince : null;
  return {
    upstream: settings.name,
    url: settings.url,
    priority: settings.priority,
    weight: settings.weight,
    standing: member.kind,
    since: wallOf(member.since),
    cause: member.kind === "serving" ? null : member.cause,
    status: statusNow(own, signs, single),
    active,
    consecutiveFailures: cell.failures,
    lastCheck: probe,
    lastFailure: cell.lastFailure && { ...cell.lastFailure, at: wallOf(cell.lastFailure.at) },
    samples: signs.total,
    responseMs: signs.total === 0 ? null : signs.meanMs,
    successRate: signs.total === 0 ? null : successRate(signs),
    wellSince: wellSince === null ? null : wallOf(wellSince),
    returnsAt: wellSince === null ? null : wallOf(wellSince + member.holdMs),
  };
}

/** Failures in a row that mean more than bad luck. */
const DOWN_AFTER = 3;

/**
 * What is known of it now. A single upstream is checked so seldom that calls since then know better: that it fails
 * them, that it is there again, or how it is where a check can't tell. What the app itself said of its health stands.
 */
function statusNow({ probe, cell: { tally } }: UpstreamMember, signs: Signs, single: boolean): HealthStatus {
  const seen = seenOf(signs, tally.called);
  if (probe === null) return seen;
  if (!single || !tally.called) return probe.status;
  if (probe.status === "unknown" || tally.consecutive >= DOWN_AFTER) return seen;
  if (!probe.answered && tally.consecutive === 0) return "healthy";
  return probe.status;
}

/** As live calls found it. Those of deliveries are in no window. */
function seenOf(signs: Signs, called: boolean): HealthStatus {
  const { consecutive, total } = signs;
  if (consecutive >= DOWN_AFTER) return "unhealthy";
  if (consecutive === 0) return called || total > 0 ? "healthy" : "unknown";
  return total === 0 || successRate(signs) === 0 ? "unhealthy" : "degraded";
}

function statusOf(upstreams: readonly UpstreamHealth[]): HealthStatus {
  const active = upstreams.find((one) => one.active);
  if (active === undefined) return "unhealthy";
  if (upstreams.length === 1) return active.status;
  if (upstreams.every(({ status, standing }) => status === "unknown" && standing === "serving")) return "unknown";
  const byRight = upstreams.every(({ priority }) => priority >= active.priority);
  const trouble = upstreams.some(({ standing, status }) => standing !== "serving" || status === "degraded");
  return byRight && !trouble ? "healthy" : "degraded";
}
