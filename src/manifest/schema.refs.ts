import { isToken } from "../core/headers.ts";
import { parsePointer } from "../core/pointer.ts";
import type { JsonValue, ValueRef } from "../core/settings.route.ts";
import { scalar, shown, text } from "./schema.parts.ts";
import { wrongPath } from "./urls.ts";

/** Values from a request, written `{body:/pointer}` and `{header:Name}`, alone and inside texts. */

/** `{ body: /pointer }`, `{ header: Name }`, or the same as text in quotes. */
export const valueRef = scalar(
  {
    anyOf: [
      {
        type: "object",
        properties: { body: { type: "string", description: "JSON pointer into the body." } },
        required: ["body"],
        additionalProperties: false,
      },
      {
        type: "object",
        properties: { header: { type: "string", description: "A header's name." } },
        required: ["header"],
        additionalProperties: false,
      },
      { type: "string", pattern: "^\\{(body:/|header:).*\\}$" },
    ],
    description: "A value of the request: { body: /pointer } or { header: Name }.",
  },
  (value, fail): ValueRef => parseRef(value) ?? fail(wrongRef(value)),
);

/** A reference written as a map or as text, or null. */
function parseRef(value: unknown): ValueRef | null {
  if (typeof value === "string") {
    const [, kind, rest] = /^\{(body|header):([^{}]*)\}$/.exec(value) ?? [];
    return kind === undefined ? null : parseRef({ [kind]: rest });
  }
  if (value === null || typeof value !== "object" || Object.keys(value).length !== 1) return null;
  const { body, header } = value as { body?: unknown; header?: unknown };
  if (typeof body === "string" && parsePointer(body) !== null) return { kind: "body", pointer: body };
  if (typeof header === "string" && isToken(header)) return { kind: "header", name: header.toLowerCase() };
  return null;
}

function wrongRef(value: unknown): string {
  const expected = "expected { body: /pointer } or { header: Name }";
  if (value !== null && typeof value === "object") {
    const [key] = Object.keys(value);
    if (key?.startsWith("body:") || key?.startsWith("header:")) return `${expected}, with a space after the colon`;
  }
  return `${expected}, got ${shown(value)}`;
}

/** What is wrong with the `{body:…}` and `{header:…}` in a text, or null. Other braces are only text. */
function wrongTemplate(value: string): string | null {
  for (const [whole] of value.matchAll(/\{(?:body|header):[^{}]*\}/g)) {
    if (parseRef(whole) === null) return `${whole} names no value: expected {body:/pointer} or {header:Name}`;
  }
  return null;
}

/** The same for every text inside a JSON value. */
function wrongTemplates(value: unknown): string | null {
  if (typeof value === "string") return wrongTemplate(value);
  if (value === null || typeof value !== "object") return null;
  for (const inner of Object.values(value)) {
    const wrong = wrongTemplates(inner);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** Any JSON; texts in it may hold `{body:…}` and `{header:…}`. */
export const template = (description: string) =>
  scalar({ description }, (value, fail): JsonValue => {
    const wrong = wrongTemplates(value);
    if (wrong !== null) return fail(wrong);
    return finite(value) ? (value as JsonValue) : fail("JSON has no infinite numbers");
  });

/** Can this be JSON? */
export function finite(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return value === null || typeof value !== "object" || Object.values(value).every(finite);
}

/** Any JSON value, as it is. */
export const json = (description: string) =>
  scalar(
    { description },
    (value, fail): JsonValue => (finite(value) ? (value as JsonValue) : fail("JSON has no infinite numbers")),
  );

/** A path that may hold `{body:…}` and `{header:…}`, put in percent-encoded when it is used. */
export const templatePath = text(
  "A path below the upstream's. {body:/pointer} and {header:Name} come from the app's answer, else the request.",
  (value) => {
    const [filled, query, ...more] = value.replace(/\{(?:body|header):[^{}]*\}/g, "x").split("?");
    if (more.length > 0 || (query !== undefined && wrongPath(`/${query}`) !== null))
      return "the query of this path is broken";
    return wrongTemplate(value) ?? wrongPath(filled ?? "");
  },
);

/** Which value orders jobs, and what a dead one does to those after it. */
export const orderBy = scalar(
  {
    type: "object",
    properties: {
      body: { type: "string", description: "JSON pointer." },
      header: { type: "string", description: "A header's name." },
      on_dead: { enum: ["release", "block"], description: "Default release." },
    },
    additionalProperties: false,
    description: "Async: one at a time, in order, for equal values.",
  },
  (value, fail): { readonly key: ValueRef; readonly onDead: "release" | "block" } => {
    const { on_dead = "release", ...rest } = (value ?? {}) as Record<string, unknown>;
    if (on_dead !== "release" && on_dead !== "block")
      return fail(`on_dead: expected release or block, got ${shown(on_dead)}`);
    return { key: parseRef(rest) ?? fail(wrongRef(value)), onDead: on_dead };
  },
);
