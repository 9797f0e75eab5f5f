/** A series in one line of text. */

const BARS = "▁▂▃▄▅▆▇█";
const NOTHING = "·";

/** At most `width` columns; each shows the highest of the values it stands for, beside the highest of all. */
export function sparkline(values: readonly (number | null)[], width: number): string {
  const columns = Math.min(width, values.length);
  const highest = Math.max(0, ...values.map((value) => value ?? 0));
  return Array.from({ length: columns }, (_, column) => {
    const begin = Math.floor((column * values.length) / columns);
    const end = Math.floor(((column + 1) * values.length) / columns);
    const value = Math.max(0, ...values.slice(begin, end).map((one) => one ?? 0));
    if (value === 0) return NOTHING;
    return BARS[Math.min(Math.floor((value / highest) * BARS.length), BARS.length - 1)];
  }).join("");
}
