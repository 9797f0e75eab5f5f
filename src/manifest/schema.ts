import { z } from "zod";
import type { JsonObject } from "../core/settings.route.ts";
import { alerts } from "./schema.alerts.ts";
import { appSchema } from "./schema.app.ts";
import { notify } from "./schema.notify.ts";
import { block, checkName, list, mapOf, text } from "./schema.parts.ts";
import * as service from "./schema.service.ts";
import { entrySchema } from "./schema.webhook.ts";

/** The whole manifest, and an included file. Every key is written down here or in a file beside this one, once. */

const apps = mapOf("Apps by name.", checkName, appSchema);

export const manifestSchema = block(
  "The manifest of Outrigger, a webhook sidecar.",
  {},
  {
    version: z.literal(1, { error: "expected 1, the version of this format" }),
    listen: service.listen,
    data_dir: text("Where state is kept, relative to this file. Default ./data."),
    include: list(
      "Files with more apps: paths or patterns relative to this file.",
      text("A path or a pattern such as apps/*.yaml."),
      1000,
      0,
    ),
    defaults: entrySchema,
    capabilities: mapOf("Defaults by capability name, for any app.", checkName, entrySchema),
    apps,
    limits: service.limits,
    spool: service.spool,
    redis: service.redis,
    history: service.history,
    admin: service.admin,
    egress: service.egress,
    notify,
    alerts,
  },
);

/** An included file holds only apps. */
export const includedSchema = block("An included file: it holds only apps.", {}, { apps });

export type ManifestEntry = z.output<typeof manifestSchema>;
export type { AppEntry } from "./schema.app.ts";
export type { Entry, FallbackEntry } from "./schema.webhook.ts";

/** The JSON Schema that editors use for the manifest. Draft 7 is what YAML editors know best. */
export function manifestJsonSchema(): JsonObject {
  const schema = z.toJSONSchema(manifestSchema, { io: "input", target: "draft-7", reused: "inline" });
  return {
    ...schema,
    $id: "https://outrigger.example/manifest.schema.json",
    title: "Outrigger manifest",
  } as unknown as JsonObject;
}
