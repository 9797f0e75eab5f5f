import { z } from "@hono/zod-openapi";
import { DEAD_REASONS, JOB_STATES, type JobFilter } from "../core/job.ts";
import { nameSchema } from "./wire.ts";

/** Which jobs: the filters of lists, of bulk changes and of exports, under the same names. */

const instantSchema = z.iso.datetime({ offset: true, message: "a time as in 2026-01-01T00:00:00Z" });

const statesSchema = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => [given].flat().flatMap((text) => text.split(",")))
  .pipe(z.array(z.enum(JOB_STATES)));

const common = {
  app: nameSchema.optional(),
  capability: nameSchema.optional(),
  reason: z.enum(DEAD_REASONS).optional().openapi({ description: "Why it is dead or cancelled." }),
};

/** Of `/deliveries`. */
export const deliveryFilter = {
  ...common,
  state: statesSchema.optional().openapi({
    param: { name: "state", in: "query", schema: { type: "array", items: { type: "string", enum: [...JOB_STATES] } } },
    description: "One state or several, repeated or with commas; all without it.",
  }),
  request_id: z.string().max(128).optional().openapi({ description: "X-Request-ID of the request." }),
  since: instantSchema.optional().openapi({ description: "Accepted at this time or later …" }),
  until: instantSchema.optional().openapi({ description: "… and before this one." }),
};

/** Of `/dlq`. */
export const deadFilter = {
  ...common,
  since: instantSchema.optional().openapi({ description: "Dead since this time or later …" }),
  until: instantSchema.optional().openapi({ description: "… and before this one." }),
};

const deadFilterSchema = z.object(deadFilter);
type Given = z.infer<typeof deadFilterSchema> & {
  readonly state?: JobFilter["states"] | undefined;
  readonly request_id?: string | undefined;
};

/** The jobs that are in the dead-letter queue: those an operator ended, too. */
export const DEAD_STATES = ["dead", "cancelled"] as const;

export function filterOf(given: Given, states: JobFilter["states"] = given.state): JobFilter {
  const { app, capability, reason, request_id: requestId, since, until } = given;
  return {
    ...(states !== undefined && { states }),
    ...(app !== undefined && { app }),
    ...(capability !== undefined && { capability }),
    ...(reason !== undefined && { reason }),
    ...(requestId !== undefined && { requestId }),
    ...(since !== undefined && { since: Date.parse(since) }),
    ...(until !== undefined && { until: Date.parse(until) }),
  };
}

/** For the audit log: what somebody asked to be changed. */
export function filterText({ app, capability, reason, since, until }: Given): string {
  const named = Object.entries({ app, capability, reason, since, until }).filter(([, value]) => value !== undefined);
  return named.map(([name, value]) => `${name}=${value}`).join(" ") || "everything";
}
