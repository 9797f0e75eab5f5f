/** Rows for people: the first column to the left, figures to the right, as wide as they need to be. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function formatTable({ head, rows }: Table): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ""))));
  const lines = all.map((row) => widths.map((wide, column) => pad(row[column] ?? "", wide, column === 0)).join("  "));
  lines.splice(1, 0, widths.map((wide) => "─".repeat(wide)).join("  "));
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** With a comma at every thousand; `digits` after the point. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A goal and whether it is met, as in `≤ 1.4 ✓`; empty where there is no goal. */
export function goal(value: number, limit: number | null, sense: "≤" | "≥" = "≤", unit = ""): string {
  if (limit === null) return "";
  const met = sense === "≤" ? value <= limit : value >= limit;
  return `${sense} ${limit}${unit} ${met ? "✓" : "✗"}`;
}

function pad(text: string, wide: number, left: boolean): string {
  const space = " ".repeat(wide - width(text));
  return left ? text + space : space + text;
}

function width(text: string): number {
  return [...text].length;
}
