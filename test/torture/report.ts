import { formatTable, number } from "../../bench/lib/table.ts";
import { type Report, rateOf } from "./finish.ts";
import type { ViolationKind } from "./violation.ts";

/** Of each kind of violation this many are printed; the file in the kept folder has all. */
const SHOWN = 5;

const HEAD = [
  "scenario",
  "sent/s",
  "acknowledged",
  "delivered",
  "dead",
  "lost",
  "duplicates",
  "of one kill",
  "unsettled",
  "unexplained",
  "disorder",
  "other",
  "kills",
  "503",
  "unanswered",
  "drained in",
];

export function formatReports(reports: readonly Report[]): string {
  return formatTable({ head: HEAD, rows: reports.map(row) });
}

function row(report: Report): string[] {
  const { verdict, tally, violations } = report;
  const { duplicates } = verdict;
  const of = (...kinds: ViolationKind[]): number => violations.filter(({ kind }) => kinds.includes(kind)).length;
  return [
    report.scenario,
    number(rateOf(tally)),
    number(verdict.acknowledged),
    number(verdict.delivered),
    number(verdict.dead),
    number(of("lost")),
    `${number(duplicates.kill)} kill, ${number(duplicates.outage)} outage`,
    `≤ ${number(duplicates.mostOfOneKill)}`,
    `≤ ${number(duplicates.longestUnsettledMs)} ms`,
    number(of("duplicate")),
    number(of("order", "overlap")),
    number(of("dead", "mixed", "process", "answer", "load")),
    `${report.kills} (${report.startKills} at start)`,
    number(tally.refused["503"] ?? 0),
    number(tally.unanswered),
    `${(report.drainMs / 1000).toFixed(1)} s`,
  ];
}

/** Every violation by kind, and where the rest of the evidence is; empty where there is none. */
export function formatViolations(report: Report): string {
  if (report.violations.length === 0) return "";
  const lines: string[] = [];
  for (const [kind, all] of Map.groupBy(report.violations, (one) => one.kind)) {
    lines.push(`${report.scenario}: ${kind}, ${all.length} times`);
    for (const { evidence } of all.slice(0, SHOWN)) lines.push(`  ${evidence}`);
    if (all.length > SHOWN) lines.push(`  … and ${all.length - SHOWN} more`);
  }
  lines.push(`${report.scenario}: data, log of facts and violations.json are kept in ${report.kept}`);
  return lines.join("\n");
}
