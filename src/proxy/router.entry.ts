import { headerValue, type RawHeaders } from "../core/headers.ts";
import type { MatchSettings } from "../core/settings.route.ts";

/** `rest` is what the final star stood for, its slash included: `/hooks/*` with `/hooks/a/b` gives `/a/b`. */
export interface Found<T> {
  readonly kind: "found";
  readonly value: T;
  readonly rest: string;
}

/** One route as the router's tables hold it. */
export interface Entry<T> {
  readonly match: MatchSettings;
  readonly order: number;
  /** What a path without a star answers: the same object every time. */
  readonly found: Found<T>;
}

/** More headers are more specific; then named methods before any; then the order written. */
export function byPreference<T>(a: Entry<T>, b: Entry<T>): number {
  const moreHeaders = b.match.headers.length - a.match.headers.length;
  if (moreHeaders !== 0) return moreHeaders;
  const anyMethod = Number(a.match.methods === null) - Number(b.match.methods === null);
  return anyMethod !== 0 ? anyMethod : a.order - b.order;
}

/** The first entry that method and headers suit. Of a repeated header the first line counts. */
export function firstThatSuits<T>(entries: readonly Entry<T>[], method: string, headers: RawHeaders): Entry<T> | null {
  for (const entry of entries) {
    const { methods, headers: wanted } = entry.match;
    if (methods !== null && !methods.includes(method)) continue;
    if (wanted.length === 0 || wanted.every(([name, value]) => headerValue(headers, name) === value)) return entry;
  }
  return null;
}
