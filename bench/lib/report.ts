import { writeFileSync } from "node:fs";
import type { Report } from "./bench.ts";
import type { Spread } from "./statistics.ts";
import { formatTable, goal, number } from "./table.ts";

export const RATIO_HEAD = ["", "median", "min", "max", "budget", "moonshot"];

/** Of a table under {@link RATIO_HEAD}, for ratios of which more is better. */
export function ratioRow(title: string, ratio: Spread, goals?: { budget: number; moonshot: number }): string[] {
  return [
    title,
    ...[ratio.median, ratio.min, ratio.max].map((value) => number(value, 2)),
    goal(ratio.median, goals?.budget ?? null, "≥"),
    goal(ratio.median, goals?.moonshot ?? null, "≥"),
  ];
}

/** A case's report as text for people. */
export function formatReport(report: Report): string {
  const parts = report.parts.map(
    (part) => `${part.caption}\n\n${"table" in part ? formatTable(part.table) : part.text}`,
  );
  const versions = report.versions.length > 0 ? [`Versions: ${report.versions.join(", ")}`] : [];
  return [report.title, ...parts, ...report.notes, ...versions].join("\n\n");
}

/** `bench/results.md`: the last full run, with the command that makes it anew. */
export function writeResults(
  file: URL,
  command: string,
  date: string,
  context: string,
  reports: readonly Report[],
): void {
  const sections = reports.map((report) => {
    const [title = "", ...rest] = formatReport(report).split("\n\n");
    return `## ${title}\n\n\`\`\`text\n${rest.join("\n\n")}\n\`\`\`\n`;
  });
  const intro = `# Results

The last full run: \`${command}\`, ${date}.

${context}

Processor time is user and system time of the whole process, all threads, as the operating system counts it, divided by
the requests answered under full load. Ours and a peer run in turn; a ratio compares neighbours in time. Times at a
fixed rate are those of an open-loop client and count from when a request should have left.
`;
  writeFileSync(file, [intro, ...sections].join("\n"));
}
