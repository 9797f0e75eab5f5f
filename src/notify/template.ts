import { type NoticeTemplate, parseNoticeTemplate } from "../core/notice.ts";
import type { JsonValue } from "../core/settings.route.ts";
import { type Notice, noticeText, noticeValue } from "./notice.ts";

/** Templates of notifications, compiled when the manifest is applied; see core/notice.ts for what they may hold. */

/** Fills a text. `encode` makes each value harmless for where the text goes; fixed text stays as it is written. */
export function compileText(text: string, encode: (value: string) => string): (notice: Notice) => string {
  const parts = partsOf(text);
  return (notice) => filled(parts, notice, encode);
}

/**
 * Fills a JSON value and gives its text. Values go into strings before those are written as JSON, so none can leave
 * its string. A string that is exactly one placeholder becomes the value with its type; what the event lacks is "".
 */
export function compileJson(value: JsonValue): (notice: Notice) => string {
  const fill = compileValue(value);
  return (notice) => JSON.stringify(fill(notice));
}

function compileValue(value: JsonValue): (notice: Notice) => JsonValue {
  if (typeof value === "string") {
    const parts = partsOf(value);
    const [sole] = parts;
    if (parts.length === 1 && typeof sole === "object") return (notice) => noticeValue(notice, sole) ?? "";
    return (notice) => filled(parts, notice, (text) => text);
  }
  if (Array.isArray(value)) {
    const items = (value as readonly JsonValue[]).map(compileValue);
    return (notice) => items.map((fill) => fill(notice));
  }
  if (value === null || typeof value !== "object") return () => value;
  const members = Object.entries(value).map(([key, inner]) => [key, compileValue(inner)] as const);
  return (notice) => Object.fromEntries(members.map(([key, fill]) => [key, fill(notice)]));
}

function partsOf(text: string): NoticeTemplate {
  const parsed = parseNoticeTemplate(text);
  if ("wrong" in parsed) throw new Error(`the manifest let a template through: ${parsed.wrong}`);
  return parsed;
}

function filled(parts: NoticeTemplate, notice: Notice, encode: (value: string) => string): string {
  let text = "";
  for (const part of parts) text += typeof part === "string" ? part : encode(noticeText(notice, part));
  return text;
}
