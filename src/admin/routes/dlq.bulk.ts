import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { changeInParts } from "../bulk.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { DEAD_STATES, deadFilter, filterOf, filterText } from "../jobs.filter.ts";
import { numberCursor } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { jsonResponse, SPOOL_ERRORS } from "../wire.ts";
import { foreignCursor } from "./audit.ts";
import { AUDITED } from "./deliveries.ts";

const tags = ["dlq"];

const bulkSchema = z
  .strictObject({
    ...deadFilter,
    dry_run: z.boolean().default(false).openapi({ description: "Only count." }),
    limit: z
      .int()
      .min(1)
      .optional()
      .openapi({ description: "Look at this many at most; `next` says where to go on. All without it." }),
    cursor: z.string().max(512).optional().openapi({ description: "The `next` of the call before." }),
  })
  .openapi("BulkRequest");
type Bulk = z.infer<typeof bulkSchema>;

export const bulkResultSchema = z
  .object({
    count: z.int().openapi({ description: "To how many it was done, or would be." }),
    next: z.string().nullable().openapi({ description: "Where to go on; null at the end." }),
  })
  .openapi("BulkResult");

const request = { body: { required: true, content: { "application/json": { schema: bulkSchema } } } };
const description =
  "An empty filter is everything. What is done when the caller leaves or the spool goes away stays done: ask again for the rest.";

const retryRoute = createRoute({
  method: "post",
  path: "/dlq/retry",
  operationId: "retryDeadLetters",
  summary: "Queue all dead deliveries that match again",
  description,
  tags,
  request,
  responses: { 200: jsonResponse(bulkResultSchema, "Done."), ...SPOOL_ERRORS },
});

const deleteRoute = createRoute({
  method: "post",
  path: "/dlq/delete",
  operationId: "deleteDeadLetters",
  summary: "Let go of all dead deliveries that match",
  description,
  tags,
  request,
  responses: { 200: jsonResponse(bulkResultSchema, "Done."), ...SPOOL_ERRORS },
});

export function dlqBulkRoutes(services: AdminServices) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(retryRoute, async (c) => c.json(await changeAll(services, c, "retry", c.req.valid("json")), 200))
    .openapi(deleteRoute, async (c) => c.json(await changeAll(services, c, "delete", c.req.valid("json")), 200));
}

async function changeAll(
  { deliveries, audit, clock }: AdminServices,
  c: Context<AdminEnv>,
  act: "retry" | "delete",
  { dry_run: dryRun, limit = Infinity, cursor, ...filter }: Bulk,
): Promise<z.infer<typeof bulkResultSchema>> {
  // The framework takes a body that says not what it is for `{}`: a filter that was sent would be everything.
  if (c.req.header("content-type") === undefined)
    throw refusal(400, "bad-request", "No filter", "send JSON, with Content-Type: application/json; {} is everything");
  const from = numberCursor(cursor);
  if (from === undefined) throw foreignCursor();
  const by = c.get("who").name;
  const change = { act: dryRun ? null : act, filter: filterOf(filter, DEAD_STATES), limit, cursor: from, by };
  let count = 0;
  let next: number | null = null;
  try {
    for await (const part of changeInParts(deliveries, change)) {
      count += part.count;
      next = part.next;
      if (c.env.incoming.socket.destroyed) break;
    }
  } finally {
    const detail = `${count}: ${filterText(filter)}`;
    if (count > 0 && !dryRun) audit.add({ at: clock.wall(), by, action: AUDITED[act], target: "dlq", detail });
  }
  return { count, next: next === null ? null : String(next) };
}
