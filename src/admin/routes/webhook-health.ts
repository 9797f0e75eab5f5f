import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { timeText } from "../../core/event.record.ts";
import type { AdminEnv } from "../env.ts";
import { HEALTH_CODES } from "../overall.reason.ts";
import { createFailings, judgeHealth } from "../overall.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, jsonResponse, timeSchema } from "../wire.ts";

export const webhookHealthSchema = z
  .object({
    status: z.enum(["healthy", "degraded", "unhealthy"]),
    at: timeSchema,
    reasons: z
      .array(
        z.object({
          code: z.enum(HEALTH_CODES),
          severity: z.enum(["degraded", "unhealthy"]),
          app: z.string().nullable(),
          capability: z.string().nullable(),
          message: z.string().openapi({ description: "A sentence for people." }),
        }),
      )
      .openapi({ description: "Why it is not healthy, the worst first; empty where it is." }),
    reasons_total: z.int().openapi({ description: "How many there are: the worst 100 are told." }),
  })
  .openapi("WebhookHealth");
export type WebhookHealthView = z.infer<typeof webhookHealthSchema>;

const healthRoute = createRoute({
  method: "get",
  path: "/webhook-health",
  operationId: "webhookHealth",
  summary: "Is all well, and if not, why",
  tags: ["status"],
  responses: { 200: jsonResponse(webhookHealthSchema, "As it is now, whatever it is."), ...COMMON_ERRORS },
});

export function webhookHealthRoutes(services: AdminServices) {
  const failings = createFailings();
  services.events.on(failings.record);
  return new OpenAPIHono<AdminEnv>().openapi(healthRoute, async (c) => {
    const { status, reasons, total } = await judgeHealth(services, failings);
    const told = reasons.map((reason) => ({ ...reason }));
    return c.json({ status, at: timeText(services.clock.wall()), reasons: told, reasons_total: total }, 200);
  });
}
