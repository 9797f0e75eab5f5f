import { z } from "zod";
import { EVENT_TYPES } from "../core/events.ts";
import { parseNoticeTemplate } from "../core/notice.ts";
import type { JsonValue } from "../core/settings.route.ts";
import { block, checkName, choice, duration, list, mapOf, number, text } from "./schema.parts.ts";
import { finite } from "./schema.refs.ts";
import { checkHeaderValue, headerMapOf } from "./schema.values.ts";
import { wrongPath } from "./urls.ts";

/** Who is told what: channels, and which events go to them. */

const httpUrl = text("A URL.", (v) =>
  /^https?:$/.test(URL.parse(v)?.protocol ?? "") ? null : "expected a URL such as https://hooks.example/x",
);

/** What is wrong with the `{event:name}` and `{label:name}` in a text, or null. */
function wrongTemplate(value: string): string | null {
  const parsed = parseNoticeTemplate(value);
  return "wrong" in parsed ? parsed.wrong : null;
}

const TARGET = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/;

/** Who is called is decided when the manifest is written, never by an event. */
function wrongUrlTemplate(value: string): string | null {
  const [, authority, target = ""] = /^https?:\/\/([^/?#\\]+)([^\\]*)$/.exec(value) ?? [];
  if (authority === undefined) return "expected a URL such as https://api.example/hooks/{event:to}";
  if (/[{}]/.test(authority)) return "scheme and host are fixed: values of an event stand in the path and the query";
  if (authority.includes("@")) return "a URL holds no user or password: use headers";
  const url = URL.parse(`http://${authority}/`);
  if (url === null || url.hostname === "" || url.port === "0") return "this URL has no valid host and port";
  if (target.includes("#")) return "a URL holds no #: a fragment is never sent";
  const parsed = parseNoticeTemplate(target);
  if ("wrong" in parsed) return parsed.wrong;
  const filled = parsed.map((part) => (typeof part === "string" ? part : "x")).join("");
  const [path = ""] = filled.split("?");
  // Said without the characters themselves: the credential may be among them.
  if (!TARGET.test(filled)) return "this URL holds a character that must be percent-encoded";
  return path === "" ? null : wrongPath(path);
}

type Wrong = { readonly path: readonly PropertyKey[]; readonly message: string };

/** Everything wrong in the texts of a JSON value, each where it stands. */
function wrongInside(value: unknown, path: readonly PropertyKey[]): Wrong[] {
  if (typeof value === "string") {
    const message = wrongTemplate(value);
    return message === null ? [] : [{ path, message }];
  }
  if (value === null || typeof value !== "object") return [];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return entries.flatMap(([key, inner]) => wrongInside(inner, [...path, key]));
}

const bodyTemplate = z
  .unknown()
  .transform((value, context): JsonValue => {
    const wrong = wrongInside(value, []);
    if (!finite(value)) wrong.push({ path: [], message: "JSON has no infinite numbers" });
    for (const { path, message } of wrong)
      context.issues.push({ code: "custom", message, input: value, path: [...path] });
    return value as JsonValue;
  })
  .meta({
    description: "Any value, sent as JSON; texts may hold {event:name} and {label:name}. Default: the event itself.",
  });

const channel = z.discriminatedUnion("type", [
  block(
    "Mail.",
    {
      type: z.literal("email"),
      smtp: text("smtp:// or smtps://.", (v) =>
        /^smtps?:$/.test(URL.parse(v)?.protocol ?? "") ? null : "expected a URL such as smtp://127.0.0.1:1025",
      ),
      from: text("The sender."),
      to: z
        .union([text("An address, or owner."), list("Addresses.", text("An address."), 100)])
        .meta({ description: "Addresses; owner is the app's owner." }),
    },
    {},
  ),
  ...(["slack", "discord"] as const).map((type) => block("A chat.", { type: z.literal(type), url: httpUrl }, {})),
  block("A webhook.", { type: z.literal("webhook"), url: httpUrl }, { secret: text("Signs it.") }),
  block(
    "Any HTTP endpoint.",
    {
      type: z.literal("http"),
      url: text("A URL; type http: {event:name} and {label:name} may stand in path and query.", wrongUrlTemplate),
    },
    {
      method: choice("Default POST. GET and DELETE have no body.", ["GET", "POST", "PUT", "PATCH", "DELETE"]),
      headers: headerMapOf(
        "Headers; values may hold {event:name} and {label:name}.",
        (v) => checkHeaderValue(v) ?? wrongTemplate(v),
      ),
      body: bodyTemplate,
      timeout: duration("The longest one try may take. Default 5s.", 10, 60_000),
      retry: block(
        "Tries after the first, and when they are made.",
        {},
        {
          attempts: number("All tries, the first included. Default 5.", 1, 20),
          initial: duration(
            "The longest wait before the second try; each after it is twice the one before. Default 1s.",
          ),
          max: duration("No wait is longer, but one that the endpoint asks for. Default 30s.", 1, 3_600_000),
        },
      ),
    },
  ),
]);

const eventTypes = ["alert", ...EVENT_TYPES] as const;
export const notify = block(
  "Who is told what.",
  {},
  {
    channels: mapOf("Channels by name.", checkName, channel),
    routes: list(
      "Which events go where.",
      block(
        "One rule.",
        {
          on: list("Events.", choice("An event; alert is all alerts.", eventTypes), 100),
          to: list("Channels.", text("A channel.", checkName), 100),
        },
        { apps: list("Only of these apps.", text("An app.", checkName), 10_000) },
      ),
      1000,
      0,
    ),
  },
);
