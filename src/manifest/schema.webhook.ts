import { z } from "zod";
import { block, choice, duration, flag, list, number, size, text } from "./schema.parts.ts";
import * as ref from "./schema.refs.ts";
import * as value from "./schema.values.ts";

/**
 * The keys of a webhook entry. They may stand in the entry itself, for all webhooks of an app, by capability name, and
 * in `defaults`; so every one is optional and no default is filled in here: resolve.ts does that, layer by layer.
 */

const retry = block(
  "Tries after the first, and when they are made.",
  {},
  {
    attempts: number("All tries, the first included. Default: async 3, sync 2.", 1, 100),
    initial: duration("The longest wait before the second try. Default: async 1s, sync 100ms."),
    max: duration("No wait is longer. Default: async 30s, sync 1s."),
    factor: number("Each wait is this many times the one before. Default 2.", 1, 100, true),
    jitter: choice("How waits are spread. Default full.", ["full", "equal", "none"]),
    budget: number("Sync: retries as percent of what an upstream was sent in 10 s. Default 20.", 0, 100, true),
    max_age: duration("Async: older jobs go to the dead-letter queue. Default 24h."),
    repeat: choice("May a try that was written be made again whatever its method? Default: sync safe, async always.", [
      "safe",
      "always",
    ]),
    transient: list("What is worth another try.", value.worthCode, 100, 0),
    permanent: list("What is the app's last word. A code beats a class.", value.worthCode, 100, 0),
  },
);

const breaker = block(
  "The circuit breaker of each upstream on this route.",
  {},
  {
    enabled: flag("Default true."),
    failures: number("Consecutive failures that open it. Default 5.", 1, 1_000_000),
    recovery: duration("How long it stays open. Default 60s."),
    recovery_max: duration("Doubling at each reopening ends here. Default 5m."),
    successes: number("Good trials that close it. Default 3.", 1, 10_000),
    probes: number("Trials at a time while half-open. Default 1.", 1, 1000),
    failure_rate: number("Percent of failures in the window that opens it. Default 50.", 1, 100, true),
    window: duration("Default 10s.", 1000, 3_600_000),
    min_samples: number("Calls in the window before the rate counts. Default 20.", 1, 1_000_000),
    dry_run: flag("Counts and reports, never refuses. Default false."),
  },
);

const bodyOf = (description: string) => ref.template(description);
const fallback = z.discriminatedUnion("strategy", [
  block("The error itself.", { strategy: z.literal("none") }, {}),
  block(
    "A fixed answer.",
    { strategy: z.literal("static") },
    {
      status: value.status("Default 200."),
      headers: value.headerMap("Response headers."),
      body: bodyOf("JSON, text, or { file: path }; texts may hold {body:/pointer} and {header:Name}."),
      file: text("A file with the body, relative to this one; sent as it is."),
    },
  ),
  block(
    "Picks from an array of the request.",
    { strategy: z.literal("random_pick"), from: value.pointer("JSON pointer to the array in the request body.") },
    {
      as: value.pointer("Where in data the pick goes. Default /winner.", false),
      count: number("How many to pick. Default 1.", 1, 10_000),
      status: value.status("Default 200."),
      body: bodyOf("Instead of the envelope."),
    },
  ),
  block(
    "Says that the request waits for approval, and sends it later.",
    { strategy: z.literal("pending_approval") },
    {
      status: value.status("Default 202."),
      body: bodyOf("Instead of the envelope."),
    },
  ),
  block(
    "The newest good response to the same request.",
    { strategy: z.literal("last_good") },
    {
      max_age: duration("Default 5m."),
      key: z
        .union([ref.valueRef, list("Values that make requests the same.", ref.valueRef, 10)])
        .meta({ description: "Default: method, target, body and credentials." }),
    },
  ),
  block("Queues the request as an async route would.", { strategy: z.literal("spool") }, {}),
]);

const condition = (description: string) =>
  block(
    description,
    { pointer: value.pointer("A place in the answer."), in: list("Values that count.", ref.json("A value."), 100) },
    {},
  );

export const webhookShape = {
  mode: choice("How it is handled. Default sync.", ["sync", "async", "passthrough"]),
  async: flag("true is the same as mode: async."),
  path: value.path,
  match: block(
    "Which requests are this webhook's. Default: /{app}/{capability} exactly.",
    {},
    {
      path: value.matchPath,
      methods: list("Default: all but CONNECT and TRACE.", value.method, 20),
      host: value.hostPort,
      headers: value.matchHeaders,
    },
  ),
  timeout: duration("Sync: 1s to 30s, the whole exchange. Async: 1s to 15m, each attempt. Default 10s."),
  attempt_timeout: duration("The longest one try may take. Default: derived from the time left."),
  connect_timeout: duration("The longest a connection may take to open. Default 1s."),
  retry,
  breaker,
  fallback: z
    .union([fallback, list("Tried in order.", fallback, 10)])
    .meta({ description: "The answer when the app gives none." }),
  response: block(
    "What counts as a good response.",
    {},
    {
      format: choice("Default auto.", ["auto", "raw", "envelope"]),
      status: value.statusRanges,
      schema: text("A JSON Schema file for the body, relative to this one."),
      max: size("Responses up to this are held and checked before the caller sees a byte. Default 1MiB."),
    },
  ),
  verify: block(
    "After a good response: has the app really done it? If not, an async delivery is sent again.",
    {
      poll: block(
        "GET of a path of the upstream that answered, until its JSON says so.",
        { path: ref.templatePath, until: condition("Verified when this holds.") },
        {
          interval: duration("Default 1s.", 10),
          timeout: duration("Default 60s.", 10),
          fail: condition("Failed when this holds."),
        },
      ),
    },
    {},
  ),
  order_by: ref.orderBy,
  idempotency: block(
    "Answers a repeated key with the first answer.",
    {},
    {
      header: value.headerName,
      ttl: duration("Default 24h."),
    },
  ),
  priority: number("Async, within the app: 0 most urgent to 9. Default 5.", 0, 9),
  body_limit: size("The largest request body. Default 1MiB."),
  headers: block(
    "Changes to the request's headers.",
    {},
    {
      set: value.headerMap("Header names and values."),
      remove: list("Names to take away.", value.settableName, 100, 0),
    },
  ),
  inbound: block(
    "Takes only requests whose signature or token is good; others get 401 and reach nothing.",
    {
      verify: choice("The scheme; on passthrough routes only bearer.", [
        "github",
        "stripe",
        "slack",
        "standard-webhooks",
        "hmac",
        "bearer",
      ]),
      secrets: list("Any of them may have signed.", text("A secret, token or public key (whpk_)."), 20),
    },
    {
      header: value.headerNameOf("Where the signature or token is. Default: the scheme's own; hmac has none."),
      tolerance: duration("How far a signature's time may be from now. Default 5m."),
    },
  ),
};

const entry = block("Keys of a webhook entry.", {}, { ...webhookShape, url: value.upstreamUrl });

/** Every key of a webhook entry, as a default. */
export const entrySchema = entry.meta({ id: "webhook", description: "Keys of a webhook entry." });

/** A webhook: its path or whole URL, or a map. */
export const webhookSchema = z.union([value.pathOrUrl, entrySchema]);

/** A webhook entry as validated: units converted, nothing filled in. */
export type Entry = z.output<typeof entrySchema>;
export type FallbackEntry = z.output<typeof fallback>;
