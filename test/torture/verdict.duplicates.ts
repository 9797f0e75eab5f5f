import type { Facts, Outage, Visit } from "./facts.ts";
import { history } from "./violation.ts";

/** More than one good answer for the same job, by what explains it. */
export interface Duplicates {
  readonly kill: number;
  readonly outage: number;
  /** The most that one kill explains. */
  readonly mostOfOneKill: number;
  /** The longest that a good answer had been given when the kill made it forgotten. */
  readonly longestUnsettledMs: number;
}

/**
 * A good answer is to be on the disk this long after it was given; one that is forgotten later was not in flight. Of
 * a healthy disk it takes milliseconds, but the machine may be busy.
 */
const SETTLE_MS = 5_000;

/**
 * The first of two good answers must have been forgotten: its process was killed soon after it, or could not write
 * when it came. Two from the same life without an outage are the sidecar's own doing.
 */
export function judgeDuplicates(
  facts: Facts,
  visitsById: ReadonlyMap<string, readonly Visit[]>,
  report: (evidence: string) => void,
): Duplicates {
  const lives = new Map(facts.lives.map((life) => [life.n, life]));
  const byLife = new Map<number, number>();
  let outage = 0;
  let longestUnsettledMs = 0;
  for (const visits of visitsById.values()) {
    // Written down as they ended, which need not be as they came.
    const good = visits.filter(({ end }) => end === "good").toSorted((a, b) => a.arrivedAt - b.arrivedAt);
    for (const [i, second] of good.entries()) {
      const first = good[i - 1];
      if (first === undefined) continue;
      const { endedAt: killedAt = Number.POSITIVE_INFINITY, replica } = lives.get(first.life) ?? {};
      // Another sidecar may have been living long before it.
      const killed = second.arrivedAt >= killedAt && killedAt - first.endedAt <= SETTLE_MS;
      if (killed) {
        byLife.set(first.life, (byLife.get(first.life) ?? 0) + 1);
        longestUnsettledMs = Math.max(longestUnsettledMs, killedAt - first.endedAt);
      } else if (facts.outages.some((one) => covers(one, replica, first, second))) outage++;
      else report(`${first.id} (${first.route} ${first.number}): ${history(visits)}`);
    }
  }
  const kills = [...byLife.values()];
  const kill = kills.reduce((sum, n) => sum + n, 0);
  return { kill, outage, mostOfOneKill: Math.max(0, ...kills), longestUnsettledMs };
}

function covers({ from, to, ...of }: Outage, replica: number | undefined, first: Visit, second: Visit): boolean {
  if (of.replica !== undefined && of.replica !== replica) return false;
  return from <= first.endedAt + SETTLE_MS && to >= first.arrivedAt && from <= second.arrivedAt;
}
