import { createStore } from "./store.ts";

/** Which page is shown: the fragment of the address, so that every page can be linked and the back button works. */
export interface Place {
  /** Decoded, as in `["routes", "quiz", "winner"]`; empty for the overview. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

export const place = createStore<Place>(read());

window.addEventListener("hashchange", () => place.set(read()));

function read(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { segments: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** As in `to("apps", "quiz")`: `#/apps/quiz`. */
export function to(...segments: readonly string[]): string {
  return `#/${segments.map(encodeURIComponent).join("/")}`;
}

/** The same with a query; empty values are left out. */
export function toWith(segments: readonly string[], query: Readonly<Record<string, string>>): string {
  const text = queryText(query);
  return to(...segments) + text;
}

/** `?a=b`, or nothing; empty values are left out. */
export function queryText(query: Readonly<Record<string, string | number | null | undefined>>): string {
  const used = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return used.length === 0 ? "" : `?${new URLSearchParams(used.map(([name, value]) => [name, String(value)]))}`;
}

/** The path of a resource in the API, its parts encoded. */
export function apiPath(...segments: readonly string[]): string {
  return `/${segments.map(encodeURIComponent).join("/")}`;
}

export function go(href: string): void {
  location.hash = href;
}
