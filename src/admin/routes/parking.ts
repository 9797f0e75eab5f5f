import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { type AdminEnv, refusal } from "../env.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, nameSchema } from "../wire.ts";

const tags = ["deliveries"];
const NOT_THERE = errorResponse("The manifest has no such app or route.");

export const parkingSchema = z
  .object({
    app: z.string(),
    capability: z.string().nullable().openapi({ description: "null: every route of the app." }),
    paused: z.boolean().openapi({ description: "Whether its deliveries wait now." }),
    app_paused: z.boolean().openapi({
      description: "The whole app is paused: its routes wait until the app is resumed.",
    }),
  })
  .openapi("Parking");

const routeParams = z.object({ app: nameSchema, capability: nameSchema });
const appParams = z.object({ app: nameSchema });

const pauseRouteRoute = createRoute({
  method: "post",
  path: "/routes/{app}/{capability}/pause",
  operationId: "pauseRoute",
  summary: "Let the deliveries of a route wait",
  description: "They spend no tries and delay no other route; what is being sent is finished. New ones are accepted.",
  tags,
  request: { params: routeParams },
  responses: { 200: jsonResponse(parkingSchema, "They wait."), ...COMMON_ERRORS, 404: NOT_THERE },
});

const resumeRouteRoute = createRoute({
  method: "post",
  path: "/routes/{app}/{capability}/resume",
  operationId: "resumeRoute",
  summary: "Let the deliveries of a route go on",
  description:
    "Also those that wait because the app answered 410. Where the whole app is paused they wait on: `paused` says it.",
  tags,
  request: { params: routeParams },
  responses: {
    200: jsonResponse(parkingSchema, "They go on, or wait for their app."),
    ...COMMON_ERRORS,
    404: NOT_THERE,
  },
});

const pauseAppRoute = createRoute({
  method: "post",
  path: "/apps/{app}/pause",
  operationId: "pauseApp",
  summary: "Let the deliveries of all routes of an app wait",
  tags,
  request: { params: appParams },
  responses: { 200: jsonResponse(parkingSchema, "They wait."), ...COMMON_ERRORS, 404: NOT_THERE },
});

const resumeAppRoute = createRoute({
  method: "post",
  path: "/apps/{app}/resume",
  operationId: "resumeApp",
  summary: "Let the deliveries of all routes of an app go on",
  tags,
  request: { params: appParams },
  responses: { 200: jsonResponse(parkingSchema, "They go on."), ...COMMON_ERRORS, 404: NOT_THERE },
});

export function parkingRoutes({ deliveries, audit, clock }: AdminServices) {
  const park = (paused: boolean, app: string, capability: string | null, by: string): z.infer<typeof parkingSchema> => {
    const verb = paused ? "pause" : "resume";
    const target = capability === null ? app : `${app}/${capability}`;
    const parking = deliveries[verb](app, capability, by);
    if (parking === null) throw refusal(404, "no-route", "No such route", `the manifest has no ${target}`);
    const action = `${capability === null ? "app" : "route"}.${verb}`;
    const held = parking.paused ? "they wait on: the whole app is paused" : "they go on";
    audit.add({ at: clock.wall(), by, action, target, detail: paused ? "its deliveries wait" : held });
    return { app, capability, paused: parking.paused, app_paused: parking.appPaused };
  };
  return new OpenAPIHono<AdminEnv>()
    .openapi(pauseRouteRoute, (c) => {
      const { app, capability } = c.req.valid("param");
      return c.json(park(true, app, capability, c.get("who").name), 200);
    })
    .openapi(resumeRouteRoute, (c) => {
      const { app, capability } = c.req.valid("param");
      return c.json(park(false, app, capability, c.get("who").name), 200);
    })
    .openapi(pauseAppRoute, (c) => c.json(park(true, c.req.valid("param").app, null, c.get("who").name), 200))
    .openapi(resumeAppRoute, (c) => c.json(park(false, c.req.valid("param").app, null, c.get("who").name), 200));
}
