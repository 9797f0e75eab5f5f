import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { JobSummary } from "../../core/job.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { deliveryFilter, filterOf } from "../jobs.filter.ts";
import { jobSchema, jobSummarySchema, jobView, summariesView, summaryView } from "../jobs.ts";
import { numberCursor } from "../page.ts";
import type { AdminServices, DeliveryAct } from "../services.ts";
import { errorResponse, idSchema, jsonResponse, listSchema, pageQuerySchema, SPOOL_ERRORS } from "../wire.ts";
import { foreignCursor } from "./audit.ts";

const tags = ["deliveries"];
const params = z.object({ id: idSchema });
const NOT_THERE = errorResponse("There is no such delivery, or no longer.");
const NOT_NOW = errorResponse("It is in a state in which that cannot be done.");

const listRoute = createRoute({
  method: "get",
  path: "/deliveries",
  operationId: "listDeliveries",
  summary: "What was accepted for later, whatever became of it",
  description: "A part may hold fewer than `limit` though there are more: `next` alone says where the end is.",
  tags,
  request: { query: pageQuerySchema.extend(deliveryFilter) },
  responses: { 200: jsonResponse(listSchema(jobSummarySchema), "Newest first."), ...SPOOL_ERRORS },
});

const showRoute = createRoute({
  method: "get",
  path: "/deliveries/{id}",
  operationId: "showDelivery",
  summary: "One delivery with every send",
  description: "Secrets are `***`. Bodies, those of the app's answers too, are for operators.",
  tags,
  request: { params },
  responses: { 200: jsonResponse(jobSchema, "All that is kept of it."), ...SPOOL_ERRORS, 404: NOT_THERE },
});

const cancelRoute = createRoute({
  method: "post",
  path: "/deliveries/{id}/cancel",
  operationId: "cancelDelivery",
  summary: "End a delivery that is queued, being sent or verified",
  description: "It goes to the dead-letter queue. A send that is under way may still reach the app.",
  tags,
  request: { params },
  responses: { 200: jsonResponse(jobSummarySchema, "As it is now."), ...SPOOL_ERRORS, 404: NOT_THERE, 409: NOT_NOW },
});

const resendRoute = createRoute({
  method: "post",
  path: "/deliveries/{id}/resend",
  operationId: "resendDelivery",
  summary: "Send a delivery again",
  description:
    "With a fresh budget and the same `webhook-id`. Of a dead or cancelled one this is a retry; one that is being verified is not asked about any more.",
  tags,
  request: { params },
  responses: { 200: jsonResponse(jobSummarySchema, "As it is now."), ...SPOOL_ERRORS, 404: NOT_THERE, 409: NOT_NOW },
});

export function deliveryRoutes(services: AdminServices) {
  const { deliveries } = services;
  return new OpenAPIHono<AdminEnv>()
    .openapi(listRoute, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid("query");
      const before = numberCursor(cursor);
      if (before === undefined) throw foreignCursor();
      return c.json(summariesView(await deliveries.list({ filter: filterOf(filter), limit, cursor: before })), 200);
    })
    .openapi(showRoute, async (c) => {
      const { id } = c.req.valid("param");
      const job = await deliveries.find(id);
      if (job === null) throw noDelivery(id);
      const payload = c.get("who").role === "operator";
      return c.json(jobView(job, { payload, secrets: false, base64: false }), 200);
    })
    .openapi(cancelRoute, async (c) => {
      const { id } = c.req.valid("param");
      return c.json(summaryView(await changeOne(services, "cancel", id, c.get("who").name)), 200);
    })
    .openapi(resendRoute, async (c) => {
      const { id } = c.req.valid("param");
      const { state } = (await deliveries.find(id)) ?? {};
      const act = state === "delivered" || state === "verifying" ? "resend" : "retry";
      return c.json(summaryView(await changeOne(services, act, id, c.get("who").name)), 200);
    });
}

/** Names of changes in the audit log. */
export const AUDITED: Readonly<Record<DeliveryAct, string>> = {
  cancel: "delivery.cancel",
  resend: "delivery.resend",
  retry: "dlq.retry",
  delete: "dlq.delete",
};

/** Does it, keeps who did, and returns the job as it is now (one that is gone, as it was). */
export async function changeOne(
  { deliveries, audit, clock }: AdminServices,
  act: DeliveryAct,
  id: string,
  by: string,
): Promise<JobSummary> {
  const [before] = await deliveries.change(act, [id], by);
  const now = act === "delete" && before !== undefined ? null : await deliveries.find(id);
  if (before === undefined) {
    if (now === null) throw noDelivery(id);
    throw refusal(409, "wrong-state", "Not in this state", `${id} is ${now.state}: there is nothing to ${act}`);
  }
  const detail = `${before.app}/${before.capability}, was ${before.reason ?? before.state}`;
  audit.add({ at: clock.wall(), by, action: AUDITED[act], target: id, detail });
  return now ?? before;
}

export function noDelivery(id: string): Error {
  return refusal(404, "no-delivery", "No such delivery", `there is no ${id}, or it was let go of`);
}
