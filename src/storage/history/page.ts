import type { Page, PageRequest } from "../../core/stored.ts";

const MAX_LIMIT = 1000;

/**
 * One part of a list, newest first. `read(before, limit)` gives rows of ids below `before`; one more than asked for
 * is read, to know whether there is a next part.
 */
export function pageOf<T>(
  request: PageRequest,
  idOf: (row: T) => number,
  read: (before: number, limit: number) => T[],
): Page<T> {
  const limit = Math.min(Math.max(Math.trunc(request.limit), 1), MAX_LIMIT);
  const rows = read(request.cursor ?? Number.MAX_SAFE_INTEGER, limit + 1);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? idOf(last) : null };
}
