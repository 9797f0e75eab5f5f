import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { AdminEnv } from "../env.ts";
import { COMMON_ERRORS, jsonResponse } from "../wire.ts";

const meRoute = createRoute({
  method: "get",
  path: "/me",
  operationId: "showMe",
  summary: "Whose token this is",
  tags: ["status"],
  responses: {
    200: jsonResponse(
      z.object({ name: z.string(), role: z.enum(["viewer", "operator"]) }).openapi("Me"),
      "Its name and role.",
    ),
    ...COMMON_ERRORS,
  },
});

export function meRoutes() {
  return new OpenAPIHono<AdminEnv>().openapi(meRoute, (c) => {
    const { name, role } = c.get("who");
    return c.json({ name, role }, 200);
  });
}
