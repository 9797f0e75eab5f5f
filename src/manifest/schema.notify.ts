import { z } from "zod";
import { EVENT_TYPES } from "../core/events.ts";
import { isMailAddress } from "../core/mail.address.ts";
import { parseNoticeTemplate } from "../core/notice.ts";
import type { JsonValue } from "../core/settings.route.ts";
import { webhookKey } from "../core/webhook.key.ts";
import { block, checkName, choice, duration, list, mapOf, number, shown, text } from "./schema.parts.ts";
import { finite } from "./schema.refs.ts";
import { checkHeaderValue, headerMapOf } from "./schema.values.ts";
import { wrongPath } from "./urls.ts";

/** Who is told what: channels, and which events go to them. */

const httpUrl = text("A URL.", wrongUrl);

/** One that is called as it stands. Nothing of it is quoted: the credential may be in it. */
function wrongUrl(value: string): string | null {
  const [, authority] = /^https?:\/\/([^/?#\\]+)([^\\]*)$/.exec(value) ?? [];
  const url = URL.parse(value);
  if (authority === undefined || url === null) return "expected a URL such as https://hooks.example/x";
  if (authority.includes("@")) return "a URL holds no user or password";
  return value.includes("#") ? "a URL holds no #: a fragment is never sent" : null;
}

function wrongSmtp(value: string): string | null {
  const url = URL.parse(value);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === "")
    return "expected a URL such as smtp://127.0.0.1:1025";
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "")
    return "after host and port there is nothing: expected a URL such as smtp://mail.example:587";
  return (url.username === "") === (url.password === "") ? null : "expected both a user and a password, or none";
}

/** `owner`, an address, or `Name <address>`: what could begin another header or name another recipient is refused. */
function wrongMailAddress(value: string): string | null {
  if (value === "owner") return null;
  const [, address] = /^[^<>\r\n]*<([^<>]+)>$/.exec(value) ?? [null, value];
  return isMailAddress(address ?? "") && !/[\r\n,;]/.test(value) ? null : `${shown(value)} is no mail address`;
}

function wrongSecret(value: string): string | null {
  const key = webhookKey(value);
  if (!key.ok) return `this secret ${key.error}`;
  return key.value.kind === "public" ? "this is a public key (whpk_), which can't sign" : null;
}

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

const common = {
  timeout: duration("The longest one try may take. Default 30s for email, 5s for others.", 10, 60_000),
  retry: block(
    "Tries after the first, and when they are made.",
    {},
    {
      attempts: number("All tries, the first included. Default 5 for http, 12 for others.", 1, 20),
      initial: duration(
        "The longest wait before the second try; each after it is twice the one before. Default 1s for http, 2s for others.",
      ),
      max: duration(
        "No wait is longer, but one that the endpoint asks for. Default 30s for http, 10m for others.",
        1,
        3_600_000,
      ),
    },
  ),
  rate: number("So many a minute; what is more comes as one. Default 30; for http there is no bound.", 1, 10_000),
};

const address = text("An address.", wrongMailAddress, 320);

const channel = z.discriminatedUnion("type", [
  block(
    "Mail.",
    {
      type: z.literal("email"),
      smtp: text(
        "smtp:// (STARTTLS where the server has it) or smtps://; user and password may stand in it.",
        wrongSmtp,
      ),
      from: text("The sender.", wrongMailAddress, 320),
      to: z.union([address, list("Addresses.", address, 100)]).meta({
        description: "Addresses; owner is the app's owner.",
      }),
    },
    common,
  ),
  ...(["slack", "discord"] as const).map((type) => block("A chat.", { type: z.literal(type), url: httpUrl }, common)),
  block(
    "A webhook, as Standard Webhooks has it.",
    { type: z.literal("webhook"), url: httpUrl },
    { ...common, secret: text("Signs it: whsec_, or whsk_ for ed25519.", wrongSecret) },
  ),
  block(
    "Any HTTP endpoint.",
    {
      type: z.literal("http"),
      url: text("A URL; type http: {event:name} and {label:name} may stand in path and query.", wrongUrlTemplate),
    },
    {
      ...common,
      method: choice("Default POST. GET and DELETE have no body.", ["GET", "POST", "PUT", "PATCH", "DELETE"]),
      headers: headerMapOf(
        "Headers; values may hold {event:name} and {label:name}.",
        (v) => checkHeaderValue(v) ?? wrongTemplate(v),
      ),
      body: bodyTemplate,
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
