import type { FallbackSettings, JsonValue, StaticBody } from "../core/settings.route.ts";
import type { Document, Loading } from "./document.ts";
import type { LayerSource } from "./layers.ts";
import type { Entry, FallbackEntry } from "./schema.ts";

/** Fallbacks: defaults filled in, files read. */

type Written = NonNullable<Entry["fallback"]>;

/** The list to try in order; empty is strategy `none`. Unreadable files are reported. */
export function resolveFallbacks(written: Written, from: LayerSource, loading: Loading): readonly FallbackSettings[] {
  const list = Array.isArray(written) ? written : [written];
  const place = (i: number, key: string) => {
    if (from.kind !== "file") return null;
    const path = [...from.path, "fallback", ...(Array.isArray(written) ? [i] : []), key];
    return { document: from.document, path };
  };
  const settings: FallbackSettings[] = [];
  for (const [i, entry] of list.entries()) {
    if (entry.strategy !== "none") settings.push(resolveOne(entry, (key) => place(i, key), loading));
    else if (list.length > 1)
      complain(place(i, "strategy"), "none stands alone: an empty answer is no link of a list", loading);
  }
  return settings;
}

type Where = { readonly document: Document<unknown>; readonly path: readonly PropertyKey[] } | null;

function complain(where: Where, message: string, { report }: Loading): void {
  if (where) report.error(where.document.place(where.path, "value"), where.path, message);
}

function resolveOne(
  entry: Exclude<FallbackEntry, { strategy: "none" }>,
  where: (key: string) => Where,
  loading: Loading,
): FallbackSettings {
  switch (entry.strategy) {
    case "static":
      return {
        strategy: "static",
        status: entry.status ?? 200,
        headers: Object.entries(entry.headers ?? {}),
        body: staticBody(entry, where, loading),
      };
    case "random_pick":
      return {
        strategy: "random_pick",
        from: entry.from,
        as: entry.as ?? "/winner",
        count: entry.count ?? 1,
        status: entry.status ?? 200,
        body: entry.body ?? null,
      };
    case "pending_approval":
      return { strategy: "pending_approval", status: entry.status ?? 202, body: entry.body ?? null };
    case "last_good": {
      const key = entry.key === undefined ? null : Array.isArray(entry.key) ? entry.key : [entry.key];
      return { strategy: "last_good", maxAgeMs: entry.max_age ?? 300_000, key };
    }
    case "spool":
      return { strategy: "spool" };
  }
}

function staticBody(
  entry: Extract<FallbackEntry, { strategy: "static" }>,
  where: (key: string) => Where,
  loading: Loading,
): StaticBody {
  const { body = "" } = entry;
  const inBody = fileOf(body);
  if (entry.file !== undefined && entry.body !== undefined)
    complain(where("file"), "either body or file, not both", loading);
  const named = entry.file ?? inBody;
  if (named === null) return typeof body === "string" ? { kind: "text", text: body } : { kind: "json", value: body };
  const at = where(entry.file === undefined ? "body" : "file");
  const path = at?.document.resolve(named) ?? named;
  const read = at?.document.read(named, loading.files) ?? { error: `${named} is named by nobody` };
  if ("error" in read) complain(at, read.error, loading);
  return { kind: "file", path, bytes: "error" in read ? new Uint8Array() : read.bytes };
}

/** `{ file: path }`, alone, names the body's file. */
function fileOf(body: JsonValue): string | null {
  if (body === null || typeof body !== "object" || Object.keys(body).length !== 1) return null;
  const { file } = body as { file?: JsonValue };
  return typeof file === "string" ? file : null;
}
