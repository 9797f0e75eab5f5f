import type { Timed } from "./load.ts";
import type { Told } from "./watch.ts";

/** Pure: what a fault of the primary came to, out of the calls and of what the event stream told. */

/** The events of traffic that moves. */
export const MOVES: readonly string[] = ["failover", "failback"];

export interface Move {
  readonly kind: "failover" | "failback";
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** `now` and `wall` of the same moment, since events are told with wall time. */
export function moveOf({ type, from, to, reason, at }: Told, now: number, wall: number): Move {
  return {
    kind: type === "failback" ? "failback" : "failover",
    from: String(from),
    to: String(to),
    reason: String(reason),
    at: now - (wall - Date.parse(String(at))),
  };
}

/** A row for each move: when, in seconds since `since` (monotonic milliseconds), and from where to where, and why. */
export function moveRows(moves: readonly Move[], since: number): readonly (readonly string[])[] {
  return moves.map(({ kind, from, to, reason, at }) => [
    kind,
    `+${((at - since) / 1000).toFixed(1)} s`,
    `${from} → ${to}`,
    reason,
  ]);
}

/** A fault: when it began, when it was over, and what came until the story went on. Times are monotonic milliseconds. */
export interface Ordeal {
  readonly primary: number;
  readonly backup: number;
  readonly faultAt: number;
  /** Infinity while it lasts. */
  readonly healedAt: number;
  /** The calls that began since the fault or were under way then, in the order of their ends. */
  readonly calls: readonly Timed[];
  readonly moves: readonly Move[];
}

/** Milliseconds since the fault, or since it was healed; null where that did not come. */
export interface Account {
  /** From the fault to the backup's first answer. */
  readonly firstMs: number | null;
  /** … to the move of all traffic. */
  readonly movedMs: number | null;
  /** … to the last answer that came from the primary, or late: what follows comes from the backup alone. */
  readonly allMs: number | null;
  /** From the healing to the first call that was tried on the primary. */
  readonly triedMs: number | null;
  /** … to the return of all traffic. */
  readonly backMs: number | null;
  /** Calls that began after the return, and those of them that the primary answered. */
  readonly since: number;
  readonly sinceByPrimary: number;
  readonly reason: string;
  readonly failovers: number;
  readonly failbacks: number;
}

export function accountOf({ primary, backup, faultAt, healedAt, calls, moves }: Ordeal): Account {
  const since = (from: number, at: number | undefined): number | null =>
    at === undefined ? null : Math.max(at - from, 0);
  const failovers = moves.filter(({ kind }) => kind === "failover");
  const failbacks = moves.filter(({ kind }) => kind === "failback");
  const [moved] = failovers;
  const back = failbacks[0]?.at;
  const afterwards = calls.filter(({ startedAt }) => startedAt > (back ?? Infinity));
  const late = calls.findLast(
    ({ startedAt, endedAt, by }) => endedAt < healedAt && (by === primary || startedAt < (moved?.at ?? Infinity)),
  );
  const first = calls.find(({ by, endedAt }) => by === backup && endedAt >= faultAt);
  const tried = calls.find(({ by, endedAt }) => by === primary && endedAt >= healedAt);
  return {
    firstMs: since(faultAt, first?.endedAt),
    movedMs: since(faultAt, moved?.at),
    allMs: moved === undefined ? null : since(faultAt, Math.max(moved.at, late?.endedAt ?? 0)),
    triedMs: since(healedAt, tried?.endedAt),
    backMs: since(healedAt, back),
    since: afterwards.length,
    sinceByPrimary: afterwards.filter(({ by }) => by === primary).length,
    reason: moved?.reason ?? "did not move",
    failovers: failovers.length,
    failbacks: failbacks.length,
  };
}
