import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { timeText } from "../../core/event.record.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { pageOf } from "../page.ts";
import { type AdminServices, type BreakerChange, type BreakerInfo, isTrialDue } from "../services.ts";
import {
  COMMON_ERRORS,
  errorResponse,
  jsonResponse,
  listSchema,
  nameSchema,
  pageQuerySchema,
  timeSchema,
} from "../wire.ts";

const STATES = ["closed", "half_open", "open"] as const;

export const breakerSchema = z
  .object({
    app: z.string(),
    capability: z.string(),
    open: z.boolean().openapi({ description: "No upstream admits a request, so the fallback answers." }),
    upstreams: z.array(
      z.object({
        upstream: z.string(),
        state: z.enum(STATES),
        since: timeSchema,
        until: timeSchema.nullable().openapi({ description: "When the next trial may start; null unless open." }),
        trial_due: z
          .boolean()
          .optional()
          .openapi({ description: "It is open and `until` is over: the next call is its trial." }),
        consecutive_failures: z.int(),
        window_total: z.int().openapi({ description: "Tries in the sliding window …" }),
        window_failures: z.int().openapi({ description: "… and how many of them failed." }),
        reopenings: z.int().openapi({ description: "How often it reopened without closing in between." }),
        dry_run: z.boolean(),
        enabled: z.boolean(),
      }),
    ),
  })
  .openapi("CircuitBreaker", { description: "The breakers of one route, one for each upstream." });
export type BreakerView = z.infer<typeof breakerSchema>;

const params = z.object({ app: nameSchema, capability: nameSchema });
const tags = ["circuit-breaker"];
const NOT_THERE = errorResponse("There is no such route, or it has no breaker.");

const listRoute = createRoute({
  method: "get",
  path: "/circuit-breaker/status",
  operationId: "listCircuitBreakers",
  summary: "The breakers of all routes",
  tags,
  request: {
    query: pageQuerySchema.extend({
      app: nameSchema.optional(),
      state: z.enum(STATES).optional().openapi({ description: "Only routes with an upstream in this state." }),
    }),
  },
  responses: { 200: jsonResponse(listSchema(breakerSchema), "By app and capability."), ...COMMON_ERRORS },
});

const showRoute = createRoute({
  method: "get",
  path: "/circuit-breaker/{app}/{capability}",
  operationId: "showCircuitBreaker",
  summary: "The breakers of one route",
  tags,
  request: { params },
  responses: { 200: jsonResponse(breakerSchema, "As they are now."), ...COMMON_ERRORS, 404: NOT_THERE },
});

const resetRoute = createRoute({
  method: "post",
  path: "/circuit-breaker/{app}/{capability}/reset",
  operationId: "resetCircuitBreaker",
  summary: "Close the breakers of a route and forget their counts",
  tags,
  request: { params },
  responses: { 200: jsonResponse(breakerSchema, "Closed."), ...COMMON_ERRORS, 404: NOT_THERE },
});

const tripRoute = createRoute({
  method: "post",
  path: "/circuit-breaker/{app}/{capability}/trip",
  operationId: "tripCircuitBreaker",
  summary: "Open the breakers of a route",
  description: "They stay open for `for_ms`, or for as long as a failure would keep them open, and then try again.",
  tags,
  request: {
    params,
    body: {
      content: {
        "application/json": {
          schema: z.strictObject({ for_ms: z.int().min(1).max(86_400_000).optional() }).openapi("TripRequest"),
        },
      },
    },
  },
  responses: {
    200: jsonResponse(breakerSchema, "Open."),
    ...COMMON_ERRORS,
    404: NOT_THERE,
    409: errorResponse("The manifest says `enabled: false` for this breaker."),
  },
});

export function breakerRoutes({ breakers, audit, clock }: AdminServices) {
  const changed = (action: string, by: string, { app, capability }: RouteName, detail: string): void =>
    audit.add({ at: clock.wall(), by, action, target: `${app}/${capability}`, detail });

  /** Chosen before they are shown: a command asks route by route, and to show a breaker costs more than to pass it over. */
  const listed = ({ app, capability }: Partial<RouteName>): BreakerView[] => {
    const chosen = breakers
      .list()
      .filter((b) => (app ?? b.app) === b.app && (capability ?? b.capability) === b.capability);
    return groupByRoute(chosen, clock.wall());
  };
  const viewOf = (route: RouteName): BreakerView => {
    const [view] = listed(route);
    if (view === undefined) throw noBreaker(route);
    return view;
  };

  return new OpenAPIHono<AdminEnv>()
    .openapi(listRoute, (c) => {
      const { app, state, ...page } = c.req.valid("query");
      const views = listed(app === undefined ? {} : { app }).filter(
        (view) => state === undefined || view.upstreams.some((u) => u.state === state),
      );
      return c.json(
        pageOf(views, (view) => `${view.app}/${view.capability}`, page),
        200,
      );
    })
    .openapi(showRoute, (c) => c.json(viewOf(c.req.valid("param")), 200))
    .openapi(resetRoute, (c) => {
      const route = c.req.valid("param");
      const { name } = c.get("who");
      assertDone(breakers.reset(route.app, route.capability, name), route);
      changed("breaker.reset", name, route, "closed");
      return c.json(viewOf(route), 200);
    })
    .openapi(tripRoute, (c) => {
      const route = c.req.valid("param");
      const { for_ms: forMs } = c.req.valid("json");
      const { name } = c.get("who");
      assertDone(breakers.trip(route.app, route.capability, name, forMs), route);
      changed("breaker.trip", name, route, forMs === undefined ? "opened" : `opened for ${forMs} ms`);
      return c.json(viewOf(route), 200);
    });
}

type RouteName = z.infer<typeof params>;

function assertDone(change: BreakerChange, route: RouteName): void {
  if (change === "no_route") throw noBreaker(route);
  if (change === "disabled")
    throw refusal(409, "breaker-disabled", "The breaker is switched off", "set breaker.enabled: true in the manifest");
}

function noBreaker({ app, capability }: RouteName): Error {
  return refusal(404, "no-route", "No such route", `the manifest has no breaker for ${app}/${capability}`);
}

/** `wall`: Unix milliseconds now. */
function groupByRoute(all: readonly BreakerInfo[], wall: number): BreakerView[] {
  const routes = new Map<string, BreakerView>();
  for (const breaker of all) {
    const { app, capability } = breaker;
    const key = `${app}/${capability}`;
    const view = routes.get(key) ?? { app, capability, open: true, upstreams: [] };
    routes.set(key, view);
    const due = isTrialDue(breaker, wall);
    view.open &&= breaker.enabled && !breaker.dryRun && breaker.state === "open" && !due;
    view.upstreams.push({
      upstream: breaker.upstream,
      state: breaker.state,
      since: timeText(breaker.since),
      until: breaker.until === null ? null : timeText(breaker.until),
      trial_due: due,
      consecutive_failures: breaker.consecutiveFailures,
      window_total: breaker.windowTotal,
      window_failures: breaker.windowFailures,
      reopenings: breaker.reopenings,
      dry_run: breaker.dryRun,
      enabled: breaker.enabled,
    });
  }
  return [...routes.values()];
}
