import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { timeText } from "../../core/event.record.ts";
import type { AdminEnv } from "../env.ts";
import { pageOf } from "../page.ts";
import type { AdminServices, RouteInfo } from "../services.ts";
import { spoolSchema, spoolView } from "../spool.ts";
import { COMMON_ERRORS, jsonResponse, listSchema, nameSchema, pageQuerySchema, timeSchema } from "../wire.ts";

const tags = ["status"];

/** Enough to see what is wrong; `outrigger check` tells them all. */
const SHOWN_PROBLEMS = 5;

export const statusSchema = z
  .object({
    version: z.string(),
    node: z.string(),
    started_at: timeSchema,
    uptime_ms: z.int(),
    ready: z.boolean(),
    reasons: z.array(z.string()),
    listen: z.object({ proxy: z.string(), admin: z.string() }),
    manifest: z.object({
      revision: z.int(),
      hash: z.string(),
      applied_at: timeSchema,
      by: z.string(),
      warnings: z.int(),
    }),
    rejected: z
      .object({
        at: timeSchema,
        by: z.string(),
        count: z.int().openapi({ description: "How many problems it had." }),
        problems: z.array(z.string()).openapi({ description: "The first of them, a line each." }),
      })
      .nullable()
      .optional()
      .openapi({ description: "The last reload, where its manifest was refused; null once one went well." }),
    routes: z.int(),
    apps: z
      .object({
        healthy: z.int(),
        degraded: z.int(),
        unhealthy: z.int(),
        unknown: z.int(),
        pinned: z.int().openapi({ description: "Of all of them, those whose traffic an operator pinned." }),
      })
      .optional()
      .openapi({ description: "How many apps are how." }),
    breakers: z.object({ closed: z.int(), half_open: z.int(), open: z.int() }),
    in_flight: z.record(z.string(), z.int()).openapi({ description: "Requests being worked on, by app." }),
    redis: z
      .object({
        server: z.string(),
        up: z.boolean().openapi({ description: "It answers, and what other replicas do is known." }),
        since: timeSchema.openapi({ description: "When it was last lost or found again." }),
        shared: z.array(z.enum(["breaker", "failover", "idempotency"])),
        spool: z.boolean().openapi({ description: "The spool is in it." }),
      })
      .nullable()
      .optional()
      .openapi({ description: "null where the manifest has no use for it." }),
    spool: spoolSchema.nullable().optional().openapi({ description: "null while it does not answer." }),
  })
  .openapi("Status");
export type StatusView = z.infer<typeof statusSchema>;

export const routeSchema = z
  .object({
    app: z.string(),
    capability: z.string(),
    mode: z.enum(["sync", "async", "passthrough"]),
    match: z.object({
      path: z.string(),
      methods: z.array(z.string()).nullable().openapi({ description: "null stands for every method." }),
      host: z.string().nullable(),
      headers: z.record(z.string(), z.string()),
    }),
    timeout_ms: z.int(),
    attempts: z.int(),
    fallback: z.array(z.string()).openapi({ description: "Strategies in order; empty is none." }),
    upstreams: z.array(
      z.object({
        name: z.string(),
        url: z.string(),
        priority: z.int(),
        breaker: z.enum(["closed", "half_open", "open"]).nullable(),
        active: z.boolean().optional().openapi({ description: "Requests of the app are sent here first." }),
      }),
    ),
  })
  .openapi("Route");
export type RouteView = z.infer<typeof routeSchema>;

const statusRoute = createRoute({
  method: "get",
  path: "/status",
  operationId: "status",
  summary: "The service at a glance",
  tags,
  responses: { 200: jsonResponse(statusSchema, "As it is now."), ...COMMON_ERRORS },
});

const routesRoute = createRoute({
  method: "get",
  path: "/routes",
  operationId: "listRoutes",
  summary: "The routes of the running manifest",
  tags,
  request: { query: pageQuerySchema.extend({ app: nameSchema.optional() }) },
  responses: { 200: jsonResponse(listSchema(routeSchema), "By app and capability."), ...COMMON_ERRORS },
});

export function statusRoutes(services: AdminServices) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(statusRoute, async (c) => {
      const spool = await spoolView(services.deliveries);
      return c.json({ ...statusView(services), spool }, 200);
    })
    .openapi(routesRoute, (c) => {
      const { app, ...page } = c.req.valid("query");
      const all = services.routes().filter((route) => app === undefined || route.app === app);
      const { items, next } = pageOf(all, (route) => `${route.app}/${route.capability}`, page);
      const states = breakerStates(services);
      const active = new Map(services.failover.list().map((health) => [health.app, health.active]));
      const views = items.map((route) => routeView(route, states, active.get(route.app) ?? null));
      return c.json({ items: views, next }, 200);
    });
}

function statusView(services: AdminServices): Omit<StatusView, "spool"> {
  const { version, node, startedAt, listen, inFlight, redis } = services.status();
  const { revision, hash, appliedAt, by, warnings } = services.manifest.current();
  const { ready, reasons } = services.ready();
  const breakers = { closed: 0, half_open: 0, open: 0 };
  for (const { state } of services.breakers.list()) breakers[state]++;
  return {
    version,
    node,
    started_at: timeText(startedAt),
    uptime_ms: Math.max(services.clock.wall() - startedAt, 0),
    ready,
    reasons: [...reasons],
    listen,
    manifest: { revision, hash, applied_at: timeText(appliedAt), by, warnings: warnings.length },
    rejected: rejectedView(services),
    routes: services.routes().length,
    apps: appCounts(services),
    breakers,
    in_flight: Object.fromEntries(inFlight),
    redis: redis && { ...redis, since: timeText(redis.since), shared: [...redis.shared] },
  };
}

function rejectedView({ manifest }: AdminServices): StatusView["rejected"] {
  const rejection = manifest.rejection();
  if (rejection === null) return null;
  const { at, by, problems } = rejection;
  return { at: timeText(at), by, count: problems.length, problems: problems.slice(0, SHOWN_PROBLEMS) };
}

function appCounts({ failover }: AdminServices): StatusView["apps"] {
  const counts = { healthy: 0, degraded: 0, unhealthy: 0, unknown: 0, pinned: 0 };
  for (const { status, pinned } of failover.list()) {
    counts[status]++;
    if (pinned !== null) counts.pinned++;
  }
  return counts;
}

type States = ReadonlyMap<string, RouteView["upstreams"][number]["breaker"]>;

function breakerStates({ breakers }: AdminServices): States {
  return new Map(breakers.list().map((b) => [`${b.app}/${b.capability} ${b.upstream}`, b.state]));
}

function routeView(info: RouteInfo, states: States, active: string | null): RouteView {
  const { app, capability, mode, match, upstreams, ...route } = info;
  return {
    app,
    capability,
    mode,
    match: {
      path: match.path,
      methods: match.methods === null ? null : [...match.methods],
      host: match.host,
      headers: Object.fromEntries(match.headers),
    },
    timeout_ms: route.timeoutMs,
    attempts: route.attempts,
    fallback: [...route.fallback],
    upstreams: upstreams.map((upstream) => ({
      ...upstream,
      breaker: states.get(`${app}/${capability} ${upstream.name}`) ?? null,
      active: upstream.name === active,
    })),
  };
}
