/** A cell: text, or text with a way to colour it, applied after the columns are aligned. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/**
 * Lines of aligned columns under `head`, without trailing blanks. What data holds for a terminal is made visible.
 * `columns` is how wide a terminal is: what would wrap there is cut, the widest first; null for a pipe, where nothing is.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  columns: number | null = null,
): string {
  const lines = fitted(
    [head, ...rows].map((cells) => cells.map(cellOf)),
    columns ?? Number.POSITIVE_INFINITY,
  );
  const widths = widthsOf(lines);
  return lines
    .map((cells) => {
      const padded = cells.map(({ text, paint }, i) => `${paint(text)}${" ".repeat((widths[i] ?? 0) - text.length)}`);
      return `${padded.join("  ").trimEnd()}\n`;
    })
    .join("");
}

interface Shown {
  readonly text: string;
  readonly paint: (text: string) => string;
}

const GAP = 2;
/** What is cut further says nothing. */
const LEAST = 8;
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z$/;

function widthsOf(lines: readonly (readonly Shown[])[]): number[] {
  return (lines[0] ?? []).map((_, column) => Math.max(...lines.map((cells) => cells[column]?.text.length ?? 0)));
}

/** Ids are to be copied, and half a time is none: they stay whole, and so does every line where that is too wide. */
function fitted(lines: readonly (readonly Shown[])[], columns: number): readonly (readonly Shown[])[] {
  const tooWide = (shown: typeof lines): number =>
    widthsOf(shown).reduce((sum, width) => sum + width + GAP, -GAP) - columns;
  let shown = lines;
  if (tooWide(shown) > 0)
    shown = lines.map((cells) => cells.map((cell) => ({ ...cell, text: cell.text.replace(TIME, "$1Z") })));
  for (let over = tooWide(shown); over > 0; over = tooWide(shown)) {
    const widths = widthsOf(shown);
    const widest = widestText(shown, widths);
    if (widest === null) break;
    const width = Math.max(LEAST, (widths[widest] ?? 0) - over);
    shown = shown.map((cells) =>
      cells.map((cell, i) => (i === widest ? { ...cell, text: cut(cell.text, width) } : cell)),
    );
  }
  return shown;
}

function widestText([head = [], ...rows]: readonly (readonly Shown[])[], widths: readonly number[]): number | null {
  const isText = (column: number): boolean =>
    head[column]?.text !== "ID" && !rows.some((cells) => /^\d{4}-\d\d-\d\d[T ]/.test(cells[column]?.text ?? ""));
  const able = widths.flatMap((width, i) => (width > LEAST && isText(i) ? [i] : []));
  return able.length === 0 ? null : able.reduce((best, i) => ((widths[i] ?? 0) > (widths[best] ?? 0) ? i : best));
}

/** To so many characters, the last of them saying that there was more. */
export function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

function cellOf(cell: Cell): Shown {
  if (typeof cell === "string") return { text: printable(cell), paint: (text) => text };
  return { text: printable(cell.text), paint: cell.paint };
}

// Controls, and marks that move or hide what follows them: C0, C1, separators, bidirectional and zero-width marks.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text that a terminal shows and never obeys: what came over the wire must not move a cursor or hide itself. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
