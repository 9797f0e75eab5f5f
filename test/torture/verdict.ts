import { type Ack, type Facts, isRefused, type Visit } from "./facts.ts";
import { type Duplicates, judgeDuplicates } from "./verdict.duplicates.ts";
import { judgeOrder } from "./verdict.order.ts";
import { history, type Violation, type ViolationKind } from "./violation.ts";

export interface Verdict {
  readonly acknowledged: number;
  /** Of the acknowledged: answered well by the app … */
  readonly delivered: number;
  /** … or, if not, in the dead-letter queue. */
  readonly dead: number;
  readonly duplicates: Duplicates;
  readonly violations: readonly Violation[];
}

/** A try counts where the app saw it. Some may have been cut before it could: half of them is far from that. */
export const ATTEMPTS = 100;

/** Holds what the clients and the app saw against what was promised. */
export function judge(facts: Facts): Verdict {
  const visitsById = Map.groupBy(facts.visits, ({ id }) => id);
  const reasonById = new Map(facts.dead.map(({ id, reason }) => [id, reason]));
  const violations: Violation[] = [];
  const report = (kind: ViolationKind, evidence: string): void => void violations.push({ kind, evidence });
  let delivered = 0;
  let dead = 0;
  for (const [id, acks] of Map.groupBy(facts.acks, (ack) => ack.id)) {
    const ack = acks[0]!;
    const visits = visitsById.get(id) ?? [];
    const reason = reasonById.get(id);
    if (acks.length > 1) report("mixed", `${id} was given to ${acks.map(({ number }) => number).join(" and ")}`);
    if (visits.some(({ end }) => end === "good")) delivered++;
    else if (reason !== undefined) dead++;
    else violations.push({ kind: "lost", evidence: `${describe(ack)}: ${history(visits)}`, id });
    const wrong = wrongDeath(ack, visits, reason);
    // What is lost was said to be.
    if (wrong !== null && (reason !== undefined || visits.some(({ end }) => end === "good")))
      report("dead", `${describe(ack)}: ${wrong}; ${history(visits)}`);
    const other = visits.find(({ number, route }) => number !== ack.number || route !== ack.route);
    if (other) report("mixed", `${describe(ack)} came as number ${other.number} on ${other.route}`);
  }
  for (const { id, whole, number } of facts.visits)
    if (!whole) report("mixed", `${id} (${number}) came with another body`);
  const duplicates = judgeDuplicates(facts, visitsById, (evidence) => report("duplicate", evidence));
  judgeOrder(facts, report);
  return { acknowledged: new Set(facts.acks.map(({ id }) => id)).size, delivered, dead, duplicates, violations };
}

function wrongDeath(ack: Ack, visits: readonly Visit[], reason: string | undefined): string | null {
  if (isRefused(ack.number)) {
    if (reason === "permanent_status") return null;
    return reason === undefined ? "refused by the app, and not in the dead-letter queue" : `dead of ${reason}`;
  }
  if (reason === undefined) return null;
  if (reason === "attempts_exhausted" && visits.length >= ATTEMPTS / 2) return null;
  return `dead of ${reason} though the app never refused it`;
}

function describe({ id, route, number, key, seq }: Ack): string {
  return `${id} (${route} ${number}${key === null ? "" : `, ${key} no. ${seq}`})`;
}
