/** A cell: text, or text with a way to colour it, applied after the columns are aligned. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Lines of aligned columns under `head`, without trailing blanks. What data holds for a terminal is made visible. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [head, ...rows].map((cells) => cells.map(cellOf));
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.text.length ?? 0)));
  return lines
    .map((cells) => {
      const padded = cells.map(({ text, paint }, i) => `${paint(text)}${" ".repeat((widths[i] ?? 0) - text.length)}`);
      return `${padded.join("  ").trimEnd()}\n`;
    })
    .join("");
}

function cellOf(cell: Cell): { readonly text: string; readonly paint: (text: string) => string } {
  if (typeof cell === "string") return { text: printable(cell), paint: (text) => text };
  return { text: printable(cell.text), paint: cell.paint };
}

// Controls, and marks that move or hide what follows them: C0, C1, separators, bidirectional and zero-width marks.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text that a terminal shows and never obeys: what came over the wire must not move a cursor or hide itself. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
