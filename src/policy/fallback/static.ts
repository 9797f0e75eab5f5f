import { extname } from "node:path";
import { HOP_BY_HOP } from "../../core/header.names.ts";
import { isFieldValue } from "../../core/headers.ts";
import type { StaticBody } from "../../core/settings.route.ts";
import type { FallbackStrategy, SettingsOf } from "./strategy.ts";
import { compileJson, compileText, type Place, type Template } from "./template.ts";

/** Answers with what the manifest says, values of the request put in where it says so. */
export function staticAnswer(settings: SettingsOf<"static">): FallbackStrategy {
  const headers = settings.headers
    .filter(([name]) => !isFraming(name.toLowerCase()))
    .map(([name, value]) => ({ name, value: compileText(value) }));
  const named = settings.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const body = compileBody(settings.body, named);
  return {
    name: "static",
    answer(x) {
      const raw: string[] = [];
      for (const { name, value } of headers) {
        const text = value.render(x);
        // A value of the request must never begin a header of its own, nor make one that cannot be sent.
        if (!isFieldValue(text)) return null;
        raw.push(name, text);
      }
      if (named === undefined) raw.push("Content-Type", body.contentType);
      const bytes = body.template === null ? body.bytes : Buffer.from(body.template.render(x));
      return { status: settings.status, headers: raw, body: bytes };
    },
  };
}

// The length is of what we send, whatever the manifest says; the rest belongs to the connection.
function isFraming(lowerName: string): boolean {
  return lowerName === "content-length" || lowerName === "connection" || HOP_BY_HOP.has(lowerName);
}

type Body =
  | { readonly contentType: string; readonly template: Template }
  | { readonly contentType: string; readonly template: null; readonly bytes: Buffer };

function compileBody(body: StaticBody, namedType: string | undefined): Body {
  switch (body.kind) {
    case "json":
      return { contentType: "application/json", template: compileJson(body.value) };
    case "text":
      return {
        contentType: "text/plain; charset=utf-8",
        template: compileText(body.text, namedType === undefined ? "plain" : placeFor(namedType)),
      };
    case "file": {
      const { buffer, byteOffset, byteLength } = body.bytes;
      return {
        contentType: TYPES[extname(body.path).toLowerCase()] ?? "application/octet-stream",
        template: null,
        bytes: Buffer.from(buffer, byteOffset, byteLength),
      };
    }
  }
}

// Text that is sent as a page or as JSON would let a value of the request write markup or members.
function placeFor(contentType: string): Place {
  if (/\bjson\b/i.test(contentType)) return "json";
  return /\b(?:html|xml|xhtml)\b/i.test(contentType) ? "html" : "plain";
}

const TYPES: Readonly<Record<string, string>> = {
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".xml": "application/xml",
};
