import { isDeepStrictEqual } from "node:util";
import type { Answer, Exchange, Policy, Reply, Worth } from "../core/exchange.ts";
import { headerValue, type RawHeaders } from "../core/headers.ts";
import { jsonAt } from "../core/jsontext.ts";
import { parsePointer } from "../core/pointer.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { VerifySettings } from "../core/settings.route.ts";
import { retryAfterMs } from "./retryafter.ts";
import { jsonBody, jsonText, scalarText } from "./values.ts";

/** `verify.poll` of a route: where its app is asked, after a good answer, whether it was done; and what it says. */
export interface Verify {
  /** The path to ask, filled in from the app's answer, and where that has no such value from the request. */
  pathFor(x: Exchange, answer: Pick<Answer, "headers" | "body">): Result<string, string>;
  judge(asked: Asked, wallMs: number): Found;
}

/** Tells of each good answer before it is passed on. */
export function tellingGood(worthOf: (reply: Reply) => Worth, tell: (x: Exchange, answer: Answer) => void): Policy {
  return (inner) => async (x) => {
    const reply = await inner(x);
    if (reply.kind === "answer" && worthOf(reply) === "ok") tell(x, reply);
    return reply;
  };
}

/** What a poll brought: a whole answer, or what was in its way. */
export type Asked =
  | { readonly kind: "answer"; readonly status: number; readonly headers: RawHeaders; readonly body: Buffer }
  | { readonly kind: "none"; readonly detail: string };

/** `detail` is one clause for people. */
export type Found =
  | { readonly kind: "verified" }
  | { readonly kind: "failed"; readonly detail: string }
  /** Nothing that is known: it is asked again, no sooner than the app wishes. */
  | { readonly kind: "not_yet"; readonly detail: string; readonly retryAfterMs: number | null };

/** A value that is put into a path may be so long. */
const MAX_VALUE = 1024;
/** Of what an app says so much is kept. */
const MAX_SHOWN = 100;

const PLACEHOLDER = /\{(?:body:([^{}]*)|header:([^{}]+))\}/g;

type Part = string | { readonly name: string; readonly read: Read };
/** A value as text; undefined where there is none. */
type Read = (x: Exchange, answer: Pick<Answer, "headers" | "body">) => string | undefined;

export function compileVerify(settings: VerifySettings): Verify {
  const parts = partsOf(settings.path);
  const until = condition(settings.until);
  const fail = settings.fail === null ? null : condition(settings.fail);
  return {
    pathFor(x, answer) {
      let path = "";
      for (const part of parts) {
        if (typeof part === "string") {
          path += part;
          continue;
        }
        const value = part.read(x, answer);
        if (value === undefined) return err(`neither the answer nor the request has a value for ${part.name}`);
        // An empty segment, or one of dots, would name another place than the manifest says.
        if (/^\.{0,2}$/.test(value)) return err(`the value for ${part.name} can't stand in a path`);
        if (value.length > MAX_VALUE) return err(`the value for ${part.name} is too long for a path`);
        path += encodeURIComponent(value.toWellFormed());
      }
      return ok(path);
    },
    judge(asked, wallMs) {
      if (asked.kind === "none") return { kind: "not_yet", detail: asked.detail, retryAfterMs: null };
      const { status, headers, body } = asked;
      const notYet = (detail: string): Found => ({
        kind: "not_yet",
        detail,
        retryAfterMs: status === 429 || status === 503 ? retryAfterMs(headers, wallMs) : null,
      });
      if (status < 200 || status > 299) return notYet(`the app answered ${status}`);
      const text = jsonText(body);
      if (text === null) return notYet(`the app answered ${status} without JSON`);
      if (until.holds(text)) return { kind: "verified" };
      if (fail?.holds(text)) return { kind: "failed", detail: fail.say(text) };
      return notYet(until.say(text));
    },
  };
}

function condition({ pointer, in: values }: VerifySettings["until"]) {
  const tokens = parsePointer(pointer) ?? [];
  return {
    holds(text: string): boolean {
      const found = jsonAt(text, tokens);
      if (found === undefined) return false;
      const value: unknown = JSON.parse(found);
      return values.some((one) => isDeepStrictEqual(one, value));
    },
    say(text: string): string {
      const found = jsonAt(text, tokens);
      if (found === undefined) return `the app's answer has no ${pointer}`;
      return `${pointer === "" ? "the answer" : pointer} is ${shown(found)}`;
    },
  };
}

/** A state is a word; what is more is the app's own affair, and no matter for logs and events. */
function shown(json: string): string {
  if (json.startsWith("{")) return "an object";
  if (json.startsWith("[")) return "a list";
  return json.length > MAX_SHOWN ? `${json.slice(0, MAX_SHOWN).toWellFormed()}…` : json;
}

function partsOf(path: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const match of path.matchAll(PLACEHOLDER)) {
    const [name, pointer, header] = match;
    parts.push(path.slice(from, match.index), {
      name,
      read: pointer === undefined ? headerReader(header as string) : bodyReader(pointer),
    });
    from = match.index + name.length;
  }
  parts.push(path.slice(from));
  return parts;
}

function headerReader(given: string): Read {
  const name = given.toLowerCase();
  return (x, { headers }) => headerValue(headers, name) ?? headerValue(x.headers, name);
}

function bodyReader(pointer: string): Read {
  const tokens = parsePointer(pointer);
  if (tokens === null) return () => undefined;
  const at = (text: string | null): string | undefined => {
    const json = text === null ? undefined : jsonAt(text, tokens);
    return json === undefined ? undefined : scalarText(json);
  };
  // The id of what was begun comes from the app; what names it in the request is the second best.
  return (x, { body }) => at(jsonText(body)) ?? at(jsonBody(x));
}
