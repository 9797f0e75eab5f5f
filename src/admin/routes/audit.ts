import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { HTTPException } from "hono/http-exception";
import { timeText } from "../../core/event.record.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { numberCursor } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, jsonResponse, listSchema, pageQuerySchema, timeSchema } from "../wire.ts";

const auditSchema = z
  .object({
    id: z.int(),
    at: timeSchema,
    by: z.string().openapi({ description: "The name of the token." }),
    action: z.string().openapi({ example: "breaker.reset" }),
    target: z.string().openapi({ example: "quiz/winner_selection" }),
    detail: z.string(),
  })
  .openapi("AuditEntry");

const auditRoute = createRoute({
  method: "get",
  path: "/audit",
  operationId: "listAudit",
  summary: "Who changed what, and who tried wrong tokens",
  tags: ["audit"],
  request: { query: pageQuerySchema },
  responses: { 200: jsonResponse(listSchema(auditSchema), "Newest first."), ...COMMON_ERRORS },
});

export function auditRoutes({ audit }: AdminServices) {
  return new OpenAPIHono<AdminEnv>().openapi(auditRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const before = numberCursor(cursor);
    if (before === undefined) throw foreignCursor();
    const { items, next } = await audit.list({ limit, cursor: before });
    return c.json(
      {
        items: items.map(({ id, at, by, action, target, detail }) => ({
          id,
          at: timeText(at),
          by,
          action,
          target,
          detail,
        })),
        next: next === null ? null : String(next),
      },
      200,
    );
  });
}

/** A cursor that no list of ours gave out. */
export function foreignCursor(): HTTPException {
  return refusal(400, "bad-request", "The request is not as it should be", "this cursor is of no list here", {
    issues: [{ path: "query.cursor", message: "send the `next` of the part before" }],
  });
}
