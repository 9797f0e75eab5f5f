import type { MoveReason } from "../core/health.ts";
import type { PeerStanding } from "../core/peer.ts";
import type { Rules } from "./failover.judge.ts";

/** How one upstream stands for a while, and how it goes from one standing to the next. */

interface Period {
  /** One higher with each change of standing. */
  readonly generation: number;
  readonly since: number;
  /** How long it must next be well before it returns. */
  readonly holdMs: number;
  /** When it last came back; null if never. */
  readonly returnedAt: number | null;
}

export interface Serving extends Period {
  readonly kind: "serving";
}

export interface Away extends Period {
  readonly kind: "away";
  readonly cause: MoveReason;
  /** All criteria of recovery hold since then; null while they do not. */
  readonly wellSince: number | null;
}

export interface Returning extends Period {
  readonly kind: "returning";
  /** What had moved traffic off it, and when. */
  readonly cause: MoveReason;
  readonly awaySince: number;
  /** Requests tried on it that were good, all in a row. */
  readonly good: number;
  /** Those of them for which somebody waited, and their time together. */
  readonly timed: number;
  readonly sumMs: number;
  /** Good probes since the last of them, which decide where no request comes. */
  readonly probes: number;
}

export type Member = Serving | Away | Returning;

/** Off it goes. One that had come back only a short while ago must be well for twice as long. */
export function away(member: Serving, cause: MoveReason, now: number, { failover }: Rules): Away {
  const { holdMs, holdMaxMs } = failover.recovery;
  const flaps = member.returnedAt !== null && now - member.returnedAt < holdMaxMs;
  return {
    kind: "away",
    generation: member.generation + 1,
    since: now,
    cause,
    wellSince: null,
    holdMs: flaps ? Math.min(member.holdMs * 2, holdMaxMs) : holdMs,
    returnedAt: member.returnedAt,
  };
}

/** It serves again. */
export function back(member: Returning, now: number): Serving {
  const { generation, holdMs } = member;
  return { kind: "serving", generation: generation + 1, since: now, holdMs, returnedAt: now };
}

/** As another replica has it. The very same object comes back where it stands so already. */
export function followed(member: Member, peer: PeerStanding, now: number, { failover }: Rules): Member {
  const { holdMs: least, holdMaxMs } = failover.recovery;
  const holdMs = Math.min(Math.max(peer.holdMs, least), holdMaxMs);
  const generation = member.generation + 1;
  const returnedAt = peer.returnedMs === null ? member.returnedAt : now - peer.returnedMs;
  const since = now - peer.ageMs;
  if (peer.kind === "serving") {
    return member.kind === "serving" ? member : { kind: "serving", generation, since, holdMs, returnedAt };
  }
  // Its hold goes on where it only is to be longer.
  if (member.kind === "away") return member.holdMs === holdMs ? member : { ...member, holdMs };
  return { kind: "away", generation, since, cause: peer.cause ?? "probe", wellSince: null, holdMs, returnedAt };
}

/** A request that was tried on it failed: it must be well anew, for twice as long. */
export function setBack(member: Returning, { failover }: Rules): Away {
  const holdMs = Math.min(member.holdMs * 2, failover.recovery.holdMaxMs);
  return {
    ...notWell(member),
    wellSince: null,
    holdMs: Math.max(holdMs, failover.recovery.holdMs),
    since: member.awaySince,
  };
}

/** It is not well after all: it must be so anew for its hold. */
export function notWell({ generation, awaySince, cause, holdMs, returnedAt }: Returning): Away {
  return { kind: "away", generation: generation + 1, since: awaySince, cause, wellSince: null, holdMs, returnedAt };
}
