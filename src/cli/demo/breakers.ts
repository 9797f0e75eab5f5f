import type { Told } from "./watch.ts";

/** Pure: what the event stream told of the breakers. */

/** The events of a breaker's way from closed to closed, in order. */
export const BREAKER_MOVES: readonly string[] = ["breaker.opened", "breaker.half_open", "breaker.closed"];

/** Those of `capabilities` whose breaker opened, was half-open, and closed last of all. */
export function recovered(told: readonly Told[], capabilities: readonly string[]): readonly string[] {
  return capabilities.filter((capability) => {
    const moves = told.filter((t) => t.capability === capability).map(({ type }) => type);
    const wanted = BREAKER_MOVES.map((type) => moves.lastIndexOf(type));
    return wanted.every((at, i) => at >= 0 && at > (wanted[i - 1] ?? -1));
  });
}

/**
 * A row for each time a breaker opened: the capability, then when it opened, was half-open and closed, in seconds
 * since `since` (Unix milliseconds); a dash where that did not come.
 */
export function breakerRows(told: readonly Told[], since: number): readonly (readonly string[])[] {
  const rows: string[][] = [];
  for (const { type, capability, at } of told) {
    const column = BREAKER_MOVES.indexOf(type) + 1;
    if (column === 1) rows.push([String(capability), "–", "–", "–"]);
    const row = rows.findLast(([name]) => name === capability);
    if (row !== undefined && column > 0) row[column] = `+${((Date.parse(String(at)) - since) / 1000).toFixed(1)} s`;
  }
  return rows;
}
