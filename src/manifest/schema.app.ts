import type { z } from "zod";
import { MAX_UPSTREAMS } from "../core/settings.ts";
import { block, checkName, choice, duration, flag, list, mapOf, number, text } from "./schema.parts.ts";
import * as ref from "./schema.refs.ts";
import * as value from "./schema.values.ts";
import { webhookSchema, webhookShape } from "./schema.webhook.ts";

/** The keys of an app. */

const upstream = block(
  "One place where the app runs.",
  { url: value.upstreamUrl },
  {
    name: text("Its name in events and metrics. Default: its authority.", checkName),
    priority: number("Smaller is preferred. Default 0.", 0, 1000),
    weight: number("Share of the load among equals. Default 1.", 1, 1000),
  },
);

const percent = (description: string) => number(description, 0, 100, true);

const health = block(
  "Active probes.",
  {},
  {
    path: value.path,
    interval: duration("Between probes. Default 2s with backups, else 5m.", 10, 86_400_000),
    timeout: duration("Of one probe. Default 1s with backups, else 5s.", 10, 86_400_000),
    unhealthy_after: number("Failed probes until an upstream is down. Default 2.", 1, 1000),
    healthy_after: number("Good probes until it is up again. Default 5.", 1, 1000),
    fast_interval: duration("Between probes after a failure. Default 500ms.", 10, 86_400_000),
    expect: value.statusRanges,
  },
);

const recovery = block(
  "All of them hold before traffic returns.",
  {},
  {
    successes: number("Default 5.", 1, 10_000),
    max_response_time: duration("Default 2s."),
    min_success_rate: percent("Default 98."),
    hold: duration("Default 30s."),
    hold_max: duration("Default 10m."),
  },
);

const failover = block(
  "Any one of these moves traffic away.",
  {},
  {
    consecutive_failures: number("Default 3.", 1, 10_000),
    max_response_time: duration("The mean in the window. Default 5s."),
    min_success_rate: percent("Default 95."),
    hang_after: duration("Default 1s.", 10),
    window: duration("Default 60s.", 1000, 86_400_000),
    min_samples: number("Default 20.", 1, 1_000_000),
    recovery,
  },
);

const tls = block(
  "TLS towards the app's upstreams.",
  {},
  {
    ca: text("A file of certificates to trust, relative to this one."),
    cert: text("The client certificate's file."),
    key: text("The client key's file."),
    server_name: text("The name to ask for and to verify."),
  },
);

export const appSchema = block(
  "An app whose webhooks the platform calls.",
  {},
  {
    ...webhookShape,
    owner: text("Who is told when this app fails: a mail address."),
    upstreams: list("Where the app runs: a primary and its backups.", upstream, MAX_UPSTREAMS),
    url: value.upstreamUrl,
    health,
    failover,
    concurrency: block(
      "Calls at once, per upstream.",
      {},
      {
        max: number("Default 1024.", 1, 100_000),
        queue: number("How many more may wait. Default 1024.", 0, 100_000),
      },
    ),
    sign: block(
      "Signs what is sent to the app.",
      {},
      {
        scheme: choice("Default standard-webhooks; platform is X-Platform-Signature.", [
          "standard-webhooks",
          "platform",
          "none",
        ]),
        secrets: list(
          "All sign; of platform the first.",
          text("A secret: whsec_, or whsk_ for ed25519; for platform any text."),
          20,
        ),
      },
    ),
    network: choice(
      "Which addresses may be dialled. any: all but link-local, metadata, multicast, broadcast and unspecified ones; public: only those of the open internet, every one that the name has; private: only private and loopback ones. Default egress.default.",
      ["any", "public", "private"],
    ),
    preserve_host: flag("Send the caller's Host. Default false."),
    tls,
    rate_limit: block(
      "429 beyond it on sync routes.",
      { rps: number("Requests a second.", 0.001, 1_000_000, true) },
      {
        burst: number("How many at once. Default: rps, at least 1.", 1, 10_000_000),
      },
    ),
    context: mapOf("Labels carried into logs, events and notifications.", checkName, ref.valueRef),
    webhooks: mapOf("Webhooks by capability name.", checkName, webhookSchema),
  },
).meta({ id: "app" });

/** An app as validated: units converted, nothing filled in. */
export type AppEntry = z.output<typeof appSchema>;
