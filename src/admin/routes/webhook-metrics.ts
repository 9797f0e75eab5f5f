import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { CallScope } from "../../core/calls.ts";
import type { RouteName } from "../../core/job.ts";
import { linesAtOnce, rangeOf, rangeQuerySchema } from "../calls.range.ts";
import { callLineSchema, callLineView, callSeriesSchema, callSeriesView } from "../calls.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { pageOf } from "../page.ts";
import type { CallQuery } from "../services.calls.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, nameSchema, pageQuerySchema } from "../wire.ts";

const tags = ["calls"];
export const HISTORY_AWAY = errorResponse("The history does not answer.");
export const NO_HISTORY = errorResponse("The manifest has no such, and nothing is kept of one.");

/** The whole, and with `by` also its lines: what a list shows of each app or route, in one request. */
export const callOverviewSchema = callSeriesSchema
  .extend({
    lines: z
      .object({ items: z.array(callLineSchema), next: z.string().nullable() })
      .nullable()
      .openapi({
        description: "With `by`: by name, in parts of `limit` or fewer; `next` says whether there are more.",
      }),
  })
  .openapi("CallOverview");
export type CallOverviewView = z.infer<typeof callOverviewSchema>;

const linesQuery = rangeQuerySchema.extend(pageQuerySchema.shape);
const answers = { ...COMMON_ERRORS, 503: HISTORY_AWAY };

const allRoute = createRoute({
  method: "get",
  path: "/webhook-metrics",
  operationId: "showMetrics",
  summary: "Calls of all apps over a span of time: counts, rates, latency",
  tags,
  request: {
    query: linesQuery.extend({
      by: z.enum(["app", "route"]).optional().openapi({ description: "Also a line for each, of the manifest." }),
    }),
  },
  responses: { 200: jsonResponse(callOverviewSchema, "What is known so far, up to the last call."), ...answers },
});

const appRoute = createRoute({
  method: "get",
  path: "/webhook-metrics/{app}",
  operationId: "showAppMetrics",
  summary: "The same of one app",
  tags,
  request: {
    params: z.object({ app: nameSchema }),
    query: linesQuery.extend({
      by: z.enum(["route"]).optional().openapi({ description: "Also a line for each of its routes." }),
    }),
  },
  responses: { 200: jsonResponse(callOverviewSchema, "As of all."), ...answers, 404: NO_HISTORY },
});

const routeRoute = createRoute({
  method: "get",
  path: "/webhook-metrics/{app}/{capability}",
  operationId: "showRouteMetrics",
  summary: "The same of one route",
  tags,
  request: { params: z.object({ app: nameSchema, capability: nameSchema }), query: rangeQuerySchema },
  responses: { 200: jsonResponse(callSeriesSchema, "As of all."), ...answers, 404: NO_HISTORY },
});

export function webhookMetricsRoutes(services: AdminServices) {
  const wall = (): number => services.clock.wall();
  const one = async (scope: CallScope, query: CallQuery) => {
    const [found] = await asked(() => services.calls.series([scope], query));
    if (found === undefined) throw new Error("a series was asked for, and none came");
    return callSeriesView(found);
  };
  return new OpenAPIHono<AdminEnv>()
    .openapi(allRoute, async (c) => {
      const { by, limit, cursor, ...range } = c.req.valid("query");
      const query = rangeOf(range, by !== undefined, wall());
      const scopes = by === undefined ? null : scopesBy(by, services.routes());
      const whole = await one({ app: null, capability: null }, query);
      return c.json({ ...whole, lines: await linesOf(services, scopes, query, { limit, cursor }) }, 200);
    })
    .openapi(appRoute, async (c) => {
      const { app } = c.req.valid("param");
      const { by, limit, cursor, ...range } = c.req.valid("query");
      const query = rangeOf(range, by !== undefined, wall());
      await mustBeKnown(services, { app, capability: null });
      const routes = services.routes().filter((route) => route.app === app);
      const scopes = by === undefined ? null : scopesBy(by, routes);
      const whole = await one({ app, capability: null }, query);
      return c.json({ ...whole, lines: await linesOf(services, scopes, query, { limit, cursor }) }, 200);
    })
    .openapi(routeRoute, async (c) => {
      const scope = c.req.valid("param");
      const query = rangeOf(c.req.valid("query"), false, wall());
      await mustBeKnown(services, scope);
      return c.json(await one(scope, query), 200);
    });
}

/** Asks the history; where it does not answer, throws the refusal that says so. */
export async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch {
    throw refusal(503, "history-away", "The history does not answer", "ask again in a while");
  }
}

/** Throws the refusal of a name that neither the manifest nor the history has. */
export async function mustBeKnown({ routes, calls }: AdminServices, scope: CallScope): Promise<void> {
  const { app, capability } = scope;
  if (routes().some((route) => route.app === app && (capability ?? route.capability) === route.capability)) return;
  if (await asked(() => calls.known(scope))) return;
  const name = capability === null ? `app ${app}` : `route ${app}/${capability}`;
  throw refusal(404, "not-found", "Nothing here", `neither the manifest nor the history has the ${name}`);
}

function scopesBy(by: "app" | "route", routes: readonly RouteName[]): readonly CallScope[] {
  if (by === "route") return routes;
  return [...new Set(routes.map(({ app }) => app))].map((app) => ({ app, capability: null }));
}

async function linesOf(
  { calls }: AdminServices,
  scopes: readonly CallScope[] | null,
  query: CallQuery,
  page: { readonly limit: number; readonly cursor: string | undefined },
): Promise<CallOverviewView["lines"]> {
  if (scopes === null) return null;
  const limit = Math.min(page.limit, linesAtOnce(query));
  const { items, next } = pageOf(scopes, keyOf, { ...page, limit });
  const found = await asked(() =>
    calls.series(
      items.map(({ app, capability }) => ({ app, capability })),
      query,
    ),
  );
  return { items: found.map(callLineView), next };
}

function keyOf({ app, capability }: CallScope): string {
  return capability === null ? (app ?? "") : `${app}/${capability}`;
}
