import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { AdminEnv } from "../env.ts";
import type { AdminServices } from "../services.ts";
import { errorResponse, jsonResponse } from "../wire.ts";

/** What probes and scrapers ask, without token or host check: they come by address, and learn no secret. */

const tags = ["health"];
const GET_ONLY = errorResponse("Only GET and HEAD.");
const security: Record<string, string[]>[] = [];

const readinessSchema = z
  .object({ ready: z.boolean(), reasons: z.array(z.string()).openapi({ description: "Why not; empty when ready." }) })
  .openapi("Readiness");

const liveRoute = createRoute({
  method: "get",
  path: "/livez",
  operationId: "live",
  summary: "Does the process answer?",
  tags,
  security,
  responses: {
    200: jsonResponse(z.object({ status: z.literal("live") }).openapi("Liveness"), "It does."),
    405: GET_ONLY,
  },
});

const readyRoute = createRoute({
  method: "get",
  path: "/readyz",
  operationId: "ready",
  summary: "May requests be sent here?",
  tags,
  security,
  responses: {
    200: jsonResponse(readinessSchema, "Yes."),
    503: jsonResponse(readinessSchema, "No: it starts, stops, or lacks something."),
    405: GET_ONLY,
  },
});

const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  operationId: "metrics",
  summary: "Metrics in the Prometheus text format",
  tags,
  security,
  responses: {
    200: { description: "One scrape.", content: { "text/plain": { schema: z.string() } } },
    405: GET_ONLY,
  },
});

export function healthRoutes(services: AdminServices) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(liveRoute, (c) => c.json({ status: "live" as const }, 200))
    .openapi(readyRoute, (c) => {
      const { ready, reasons } = services.ready();
      return c.json({ ready, reasons: [...reasons] }, ready ? 200 : 503);
    })
    .openapi(metricsRoute, async (c) => {
      const { contentType, body } = await services.metrics();
      return c.text(body, 200, { "Content-Type": contentType });
    });
}
