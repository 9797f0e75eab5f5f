import type { PageQuery } from "./wire.ts";

/**
 * A part of a list that is held in memory, in the order of its keys: the cursor holds the last key given out, so a
 * reload in between neither repeats nor loses what was there all along.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { limit, cursor }: PageQuery,
): { items: T[]; next: string | null } {
  const after = cursor === undefined ? "" : Buffer.from(cursor, "base64url").toString();
  const rest = items
    .map((item) => ({ key: keyOf(item), item }))
    .filter(({ key }) => key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const part = rest.slice(0, limit);
  const last = part.at(-1);
  const more = rest.length > limit && last !== undefined;
  return {
    items: part.map(({ item }) => item),
    next: more ? Buffer.from(last.key).toString("base64url") : null,
  };
}

/** The number in a cursor of a stored list; null for the start, undefined for a cursor that is none of ours. */
export function numberCursor(cursor: string | undefined): number | null | undefined {
  if (cursor === undefined) return null;
  return /^\d{1,16}$/.test(cursor) && Number.isSafeInteger(Number(cursor)) ? Number(cursor) : undefined;
}
