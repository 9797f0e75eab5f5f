import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { HTTPException } from "hono/http-exception";
import { HEALTH_STATUSES } from "../../core/health.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { appDetailSchema, appDetailView, appHealthSchema, appHealthView } from "../health.ts";
import { pageOf } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, listSchema, nameSchema, pageQuerySchema } from "../wire.ts";

const tags = ["apps"];

const listRoute = createRoute({
  method: "get",
  path: "/health/apps",
  operationId: "listAppHealth",
  summary: "How each app and its upstreams are",
  tags,
  request: {
    query: pageQuerySchema.extend({
      status: z.enum(HEALTH_STATUSES).optional().openapi({ description: "Only apps that are so." }),
    }),
  },
  responses: { 200: jsonResponse(listSchema(appHealthSchema), "By app."), ...COMMON_ERRORS },
});

const showRoute = createRoute({
  method: "get",
  path: "/health/apps/{app}",
  operationId: "showAppHealth",
  summary: "How one app and its upstreams are, with what their last checks answered",
  tags,
  request: { params: z.object({ app: nameSchema }) },
  responses: {
    200: jsonResponse(appDetailSchema, "As it is now."),
    ...COMMON_ERRORS,
    404: errorResponse("The manifest has no such app."),
  },
});

export function appRoutes({ failover }: AdminServices) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(listRoute, (c) => {
      const { status, ...page } = c.req.valid("query");
      const all = failover.list().filter((health) => status === undefined || health.status === status);
      const { items, next } = pageOf(all, ({ app }) => app, page);
      return c.json({ items: items.map(appHealthView), next }, 200);
    })
    .openapi(showRoute, (c) => {
      const { app } = c.req.valid("param");
      const health = failover.find(app);
      if (health === null) throw noApp(app);
      return c.json(appDetailView(health), 200);
    });
}

export function noApp(app: string): HTTPException {
  return refusal(404, "no-app", "No such app", `the manifest has no app ${app}`);
}
