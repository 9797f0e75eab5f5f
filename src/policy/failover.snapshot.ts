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
  const upstreams = members.map((own, i) => upstreamHealth(own, state.members[i] as Member, i === active, now, wall));
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
  active: boolean,
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
    status: probe?.status ?? seenOf(signs, cell.failures),
    active,
    consecutiveFailures: cell.failures,
    lastCheck: probe,
    samples: signs.total,
    responseMs: signs.total === 0 ? null : signs.meanMs,
    successRate: signs.total === 0 ? null : successRate(signs),
    wellSince: wellSince === null ? null : wallOf(wellSince),
    returnsAt: wellSince === null ? null : wallOf(wellSince + member.holdMs),
  };
}

/** Failures in a row that mean more than bad luck. */
const DOWN_AFTER = 3;

/** Before the first probe, which of a single upstream takes minutes: what live calls have shown. */
function seenOf(signs: Signs, failures: number): HealthStatus {
  if (failures >= DOWN_AFTER) return "unhealthy";
  if (signs.total === 0) return "unknown";
  if (failures === 0) return "healthy";
  return successRate(signs) === 0 ? "unhealthy" : "degraded";
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
