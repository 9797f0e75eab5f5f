import type { Exchange } from "../../core/exchange.ts";
import { isToken } from "../../core/headers.ts";
import { parsePointer } from "../../core/pointer.ts";
import type { JsonValue, ValueRef } from "../../core/settings.route.ts";
import { compileJsonReader, type JsonReader, scalarText } from "../values.ts";

/**
 * Bodies and header values with placeholders: `{body:/pointer}`, `{header:Name}`, and `{pick}` for what random_pick
 * picked. Templates become lists of fixed text and readers when the manifest loads. JSON is put together as text, never
 * built and written again, so values keep every digit and no value can leave the place it was put in:
 * a JSON string that is exactly one placeholder becomes the value with its type (`null` where there is none);
 * inside a longer string stands the value's text, escaped (nothing where there is none).
 */
export interface Template {
  /** `pick` is the JSON text of the pick. */
  render(x: Exchange, pick?: string): string;
}

/** Where the text goes: values are escaped for it. `html` also serves XML, `json` the inside of a JSON string. */
export type Place = "plain" | "html" | "json";
/** Only where something is picked does `{pick}` mean anything. */
export type Picks = "with pick" | "no pick";

type Escape = (text: string) => string;

/** A piece of a template: fixed text, or a value put in as text (`escape`) or as JSON (`escape` null). */
type Part = string | { readonly read: JsonReader | "pick"; readonly escape: Escape | null };

const PLACEHOLDER = /\{(?:(pick)|body:([^{}]*)|header:([^{}]+))\}/g;

/** Compiles a JSON value; placeholders stand in its strings, not in its keys. */
export function compileJson(value: JsonValue, picks: Picks = "no pick"): Template {
  const parts: Part[] = [];
  writeJson(value, parts, picks === "with pick");
  return template(parts);
}

/** Compiles text. */
export function compileText(text: string, goesInto: Place = "plain", picks: Picks = "no pick"): Template {
  const parts: Part[] = [];
  writeText(text, parts, picks === "with pick", ESCAPES[goesInto], (fixed) => fixed);
  return template(parts);
}

function template(given: readonly Part[]): Template {
  const parts = merged(given);
  const only = parts[0];
  if (parts.length === 1 && typeof only === "string") return { render: () => only };
  return {
    render(x, pick) {
      let out = "";
      for (const part of parts) out += typeof part === "string" ? part : placed(part, x, pick);
      return out;
    },
  };
}

function placed(part: Exclude<Part, string>, x: Exchange, pick: string | undefined): string {
  const json = part.read === "pick" ? pick : part.read(x);
  if (part.escape === null) return json ?? "null";
  if (json === undefined || json === "null") return "";
  return part.escape(scalarText(json) ?? json);
}

function writeJson(value: JsonValue, out: Part[], picks: boolean): void {
  if (typeof value === "string") {
    const whole = soleReader(value, picks);
    if (whole !== null) {
      out.push({ read: whole, escape: null });
      return;
    }
    out.push('"');
    writeText(value, out, picks, insideString, insideString);
    out.push('"');
  } else if (Array.isArray(value)) {
    writeList(value as readonly JsonValue[], "[", "]", out, (item) => writeJson(item, out, picks));
  } else if (value !== null && typeof value === "object") {
    writeList(Object.entries(value as Record<string, JsonValue>), "{", "}", out, ([key, member]) => {
      out.push(`${JSON.stringify(key)}:`);
      writeJson(member, out, picks);
    });
  } else {
    out.push(JSON.stringify(value));
  }
}

function writeList<T>(items: readonly T[], open: string, close: string, out: Part[], write: (item: T) => void): void {
  out.push(open);
  for (const [i, item] of items.entries()) {
    if (i > 0) out.push(",");
    write(item);
  }
  out.push(close);
}

function writeText(text: string, out: Part[], picks: boolean, forValues: Escape, forFixed: Escape): void {
  let from = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    const read = readerOf(match, picks);
    // What only looks like a placeholder stays as it is written.
    if (read === null) continue;
    out.push(forFixed(text.slice(from, match.index)), { read, escape: forValues });
    from = match.index + match[0].length;
  }
  out.push(forFixed(text.slice(from)));
}

/** The reader of a text that is exactly one placeholder, else null. */
function soleReader(text: string, picks: boolean): JsonReader | "pick" | null {
  const match = text.matchAll(PLACEHOLDER).next().value;
  return match !== undefined && match[0] === text ? readerOf(match, picks) : null;
}

function readerOf([, pick, pointer, header]: RegExpExecArray, picks: boolean): JsonReader | "pick" | null {
  if (pick !== undefined) return picks ? "pick" : null;
  const ref = refOf(pointer, header);
  return ref === null ? null : compileJsonReader(ref);
}

function refOf(pointer: string | undefined, header: string | undefined): ValueRef | null {
  if (pointer !== undefined) return parsePointer(pointer) === null ? null : { kind: "body", pointer };
  return header !== undefined && isToken(header) ? { kind: "header", name: header.toLowerCase() } : null;
}

function merged(parts: readonly Part[]): Part[] {
  const out: Part[] = [""];
  for (const part of parts) {
    const last = out.at(-1);
    if (typeof part === "string" && typeof last === "string") out[out.length - 1] = last + part;
    else out.push(part);
  }
  return out;
}

const insideString: Escape = (text) => JSON.stringify(text).slice(1, -1);
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const ESCAPES: Readonly<Record<Place, Escape>> = {
  plain: (text) => text,
  html: (text) => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char),
  json: insideString,
};
