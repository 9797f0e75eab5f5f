import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { timeText } from "../../core/event.record.ts";
import { isJudged, isSuccess, OUTCOMES, REASONS } from "../../core/outcome.ts";
import type { AdminEnv } from "../env.ts";
import { numberCursor } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, jsonResponse, listSchema, nameSchema, pageQuerySchema, timeSchema } from "../wire.ts";
import { foreignCursor } from "./audit.ts";
import { asked, HISTORY_AWAY, mustBeKnown, NO_HISTORY } from "./webhook-metrics.ts";

export const sampleSchema = z
  .object({
    id: z.int(),
    at: timeSchema.openapi({ description: "When it ended." }),
    duration_ms: z.number(),
    success: z.boolean().nullable().openapi({ description: "null: rejected or aborted, which is neither." }),
    timeout: z.boolean(),
    outcome: z.enum(OUTCOMES),
    error: z.enum(REASONS).nullable().openapi({ description: "Why it did not simply succeed." }),
    status: z.int().openapi({ description: "0 where there was no answer." }),
    attempts: z.int().openapi({ description: "Sends to upstreams." }),
    request_id: z.string(),
  })
  .openapi("CallSample");
export type SampleView = z.infer<typeof sampleSchema>;

const samplesRoute = createRoute({
  method: "get",
  path: "/webhook-metrics/{app}/{capability}/samples",
  operationId: "listSamples",
  summary: "Single calls of a route, as history.samples keeps them",
  tags: ["calls"],
  request: {
    params: z.object({ app: nameSchema, capability: nameSchema }),
    query: pageQuerySchema.extend({
      failures: z
        .enum(["true", "false"])
        .default("false")
        .openapi({ description: "true: only those that are judged, and are no success." }),
    }),
  },
  responses: {
    200: jsonResponse(listSchema(sampleSchema), "Newest first."),
    ...COMMON_ERRORS,
    404: NO_HISTORY,
    503: HISTORY_AWAY,
  },
});

export function sampleRoutes(services: AdminServices) {
  return new OpenAPIHono<AdminEnv>().openapi(samplesRoute, async (c) => {
    const scope = c.req.valid("param");
    const { limit, cursor, failures } = c.req.valid("query");
    const before = numberCursor(cursor);
    if (before === undefined) throw foreignCursor();
    await mustBeKnown(services, scope);
    const { items, next } = await asked(() =>
      services.calls.samples({ ...scope, failures: failures === "true", limit, cursor: before }),
    );
    const views = items.map(
      ({ id, at, durationMs, outcome, reason, status, attempts, requestId }): SampleView => ({
        id,
        at: timeText(at),
        duration_ms: Math.round(durationMs * 1000) / 1000,
        success: isJudged(outcome) ? isSuccess(outcome) : null,
        timeout: reason === "timeout",
        outcome,
        error: reason,
        status,
        attempts,
        request_id: requestId,
      }),
    );
    return c.json({ items: views, next: next === null ? null : String(next) }, 200);
  });
}
