import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { JobState } from "../../core/job.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { DEAD_STATES, deadFilter, filterOf } from "../jobs.filter.ts";
import { jobSchema, jobSummarySchema, jobView, summariesView, summaryView } from "../jobs.ts";
import { numberCursor } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { errorResponse, idSchema, jsonResponse, listSchema, pageQuerySchema, SPOOL_ERRORS } from "../wire.ts";
import { foreignCursor } from "./audit.ts";
import { changeOne, noDelivery } from "./deliveries.ts";

const tags = ["dlq"];
const params = z.object({ id: idSchema });
const NOT_THERE = errorResponse("It is not in the dead-letter queue.");
const NOT_DEAD = errorResponse("It is not dead.");

const listRoute = createRoute({
  method: "get",
  path: "/dlq",
  operationId: "listDeadLetters",
  summary: "The dead-letter queue",
  description: "A part may hold fewer than `limit` though there are more: `next` alone says where the end is.",
  tags,
  request: { query: pageQuerySchema.extend(deadFilter) },
  responses: { 200: jsonResponse(listSchema(jobSummarySchema), "Newest first."), ...SPOOL_ERRORS },
});

const showRoute = createRoute({
  method: "get",
  path: "/dlq/{id}",
  operationId: "showDeadLetter",
  summary: "One dead delivery with every send",
  description: "Secrets are `***`. Bodies, those of the app's answers too, are for operators.",
  tags,
  request: { params },
  responses: { 200: jsonResponse(jobSchema, "All that is kept of it."), ...SPOOL_ERRORS, 404: NOT_THERE },
});

const retryRoute = createRoute({
  method: "post",
  path: "/dlq/{id}/retry",
  operationId: "retryDeadLetter",
  summary: "Queue a dead delivery again, with a fresh budget",
  tags,
  request: { params },
  responses: { 200: jsonResponse(jobSummarySchema, "As it is now."), ...SPOOL_ERRORS, 404: NOT_THERE, 409: NOT_DEAD },
});

const deleteRoute = createRoute({
  method: "delete",
  path: "/dlq/{id}",
  operationId: "deleteDeadLetter",
  summary: "Let go of a dead delivery and its payload",
  tags,
  request: { params },
  responses: { 200: jsonResponse(jobSummarySchema, "As it was."), ...SPOOL_ERRORS, 404: NOT_THERE, 409: NOT_DEAD },
});

/** As after a retry: the delivery is elsewhere. */
function notDead(id: string, state: JobState): Error {
  return refusal(404, "not-dead", "Not in the dead-letter queue", `${id} is ${state}: see /deliveries/${id}`);
}

export function dlqRoutes(services: AdminServices) {
  const { deliveries } = services;
  return new OpenAPIHono<AdminEnv>()
    .openapi(listRoute, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid("query");
      const before = numberCursor(cursor);
      if (before === undefined) throw foreignCursor();
      const page = await deliveries.list({ filter: filterOf(filter, DEAD_STATES), limit, cursor: before });
      return c.json(summariesView(page), 200);
    })
    .openapi(showRoute, async (c) => {
      const { id } = c.req.valid("param");
      const job = await deliveries.find(id);
      if (job === null) throw noDelivery(id);
      if (!DEAD_STATES.some((state) => state === job.state)) throw notDead(id, job.state);
      const payload = c.get("who").role === "operator";
      return c.json(jobView(job, { payload, secrets: false, base64: false }), 200);
    })
    .openapi(retryRoute, async (c) => {
      const { id } = c.req.valid("param");
      return c.json(summaryView(await changeOne(services, "retry", id, c.get("who").name)), 200);
    })
    .openapi(deleteRoute, async (c) => {
      const { id } = c.req.valid("param");
      return c.json(summaryView(await changeOne(services, "delete", id, c.get("who").name)), 200);
    });
}
