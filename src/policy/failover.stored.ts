import type { PeerStanding } from "../core/peer.ts";
import type { UpstreamSettings } from "../core/settings.ts";
import type { StoredHealth } from "../core/stored.ts";
import type { Rules } from "./failover.judge.ts";
import type { UpstreamMember } from "./failover.member.ts";
import { followed, type Member } from "./failover.period.ts";

/** An upstream's standing on its way to disk and back: inside time is monotonic, on disk it is the wall clock's. */

/** `now` and `wall` are the same moment on the two clocks. */
export function toStored(app: string, own: UpstreamMember, member: Member, now: number, wall: number): StoredHealth {
  const wallOf = (at: number): number => Math.round(wall + at - now);
  return {
    app,
    upstream: own.settings.name,
    url: own.settings.url,
    standing: member.kind,
    since: wallOf(member.kind === "returning" ? member.awaySince : member.since),
    cause: member.kind === "serving" ? null : member.cause,
    status: own.probe?.status ?? "unknown",
    consecutiveFailures: own.cell.failures,
    holdMs: member.holdMs,
    returnedAt: member.returnedAt === null ? null : wallOf(member.returnedAt),
    probe: own.probe,
    savedAt: wall,
  };
}

/**
 * Brings back what was known of one upstream: by this process or another one before it, and, which counts more, by other
 * replicas. `rules` are null for one alone: it serves, however it was.
 */
export function restoreMember(
  own: UpstreamMember,
  fresh: Member,
  { row, peer }: { readonly row: StoredHealth | null; readonly peer: PeerStanding | null },
  rules: Rules | null,
  now: number,
  wall: number,
): Member {
  if (row !== null) {
    own.probe = row.probe;
    // An alert that was given is not given again.
    if (row.status === "unhealthy") own.cell.tally.probeFailures = row.consecutiveFailures;
  }
  if (rules === null) return fresh;
  const restored = row === null ? fresh : fromStored(row, rules, now, wall);
  const member = peer === null ? restored : followed(restored, peer, now, rules);
  own.down = member.kind !== "serving";
  return member;
}

/** How it stands again after a restart. What was away or returning is away, and must be well for a whole hold anew. */
function fromStored(row: StoredHealth, { failover }: Rules, now: number, wall: number): Member {
  const { holdMs, holdMaxMs } = failover.recovery;
  const ago = (at: number): number => now - Math.max(wall - at, 0);
  const period = {
    generation: 2,
    since: ago(row.since),
    holdMs: Math.min(Math.max(row.holdMs, holdMs), holdMaxMs),
    returnedAt: row.returnedAt === null ? null : ago(row.returnedAt),
  };
  if (row.standing === "serving") return { ...period, kind: "serving" };
  return { ...period, kind: "away", cause: row.cause ?? "probe", wellSince: null };
}

/** A standing as it is told to other replicas. One that is being tried is away to them: trials are each one's own. */
export function toPeer(member: Member, now: number): PeerStanding {
  const since = member.kind === "returning" ? member.awaySince : member.since;
  return {
    kind: member.kind === "serving" ? "serving" : "away",
    cause: member.kind === "serving" ? null : member.cause,
    ageMs: now - since,
    holdMs: member.holdMs,
    returnedMs: member.returnedAt === null ? null : now - member.returnedAt,
  };
}

/** One that is left alone serves, whatever it had been. `fresh` is how a new one begins. */
export function served(member: Member, { since, holdMs }: Member): Member {
  return { kind: "serving", generation: member.generation + 1, since, holdMs, returnedAt: member.returnedAt };
}

/** What an upstream keeps through reloads. */
export type UpstreamName = Pick<UpstreamSettings, "name" | "url">;

export function keyOf({ name, url }: UpstreamName): string {
  return `${name} ${url}`;
}
