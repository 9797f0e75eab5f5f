import { STATUS_CODES } from "node:http";
import { OpenAPIHono } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { z } from "zod";
import { problem } from "../core/problem.ts";
import type { Address } from "../core/settings.ts";
import { requireToken } from "./auth.ts";
import { dashboardRoutes } from "./dashboard.ts";
import { type AdminEnv, BASE, problemResponse, refuse } from "./env.ts";
import { ownHostOnly, securityHeaders, smallBodies } from "./guard.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { appRoutes } from "./routes/apps.ts";
import { auditRoutes } from "./routes/audit.ts";
import { backupRoutes } from "./routes/backup.ts";
import { breakerRoutes } from "./routes/breakers.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { dlqBulkRoutes } from "./routes/dlq.bulk.ts";
import { dlqExportRoutes } from "./routes/dlq.export.ts";
import { dlqImportRoutes } from "./routes/dlq.import.ts";
import { dlqRoutes } from "./routes/dlq.ts";
import { type EventWays, eventRoutes } from "./routes/events.ts";
import { explainRoutes } from "./routes/explain.ts";
import { failoverRoutes } from "./routes/failover.ts";
import { healthRoutes } from "./routes/health.ts";
import { manifestRoutes } from "./routes/manifest.ts";
import { meRoutes } from "./routes/me.ts";
import { notificationRoutes } from "./routes/notifications.ts";
import { parkingRoutes } from "./routes/parking.ts";
import { sampleRoutes } from "./routes/samples.ts";
import { statusRoutes } from "./routes/status.ts";
import { verificationRoutes } from "./routes/verification.ts";
import { webhookHealthRoutes } from "./routes/webhook-health.ts";
import { webhookMetricsRoutes } from "./routes/webhook-metrics.ts";
import { type AdminServices, DeliveriesAway } from "./services.ts";
import { createTickets, requireTicket, showsTicket } from "./tickets.ts";

/** The paths that probes and scrapers ask: no host check, no token. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/metrics"]);

/**
 * Everything the admin listener answers, in the order it is judged: headers, host and origin, token, size, form, and
 * then the resource. `listen` is what the listener was told to bind.
 */
export function createAdminApp(services: AdminServices, events: EventWays, listen: () => Address) {
  const app = new OpenAPIHono<AdminEnv>({
    defaultHook: (result) => (result.success ? undefined : invalidRequest(result.target, result.error)),
  });
  const ownHost = ownHostOnly(services.allowedHosts, listen);
  app.use(securityHeaders);
  app.use((c, next) => (OPEN_PATHS.has(c.req.path) ? next() : ownHost(c, next)));
  const tickets = createTickets(services.clock, services.random);
  const [byToken, byTicket] = [requireToken(services), requireTicket(tickets)];
  app.use(
    `${BASE}/*`,
    (c, next) => (showsTicket(c.req.path, c.req.query("ticket")) ? byTicket(c, next) : byToken(c, next)),
    smallBodies,
  );
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (_c, methods) =>
        problemResponse(problem(405, "method-not-allowed", "Not with this method", `use ${methods.join(", ")}`), {
          Allow: methods.join(", "),
        }),
    }),
  );
  app.notFound((c) => refuse(404, "not-found", "Nothing here", `there is no ${c.req.path.slice(0, 200)}`));
  app.onError((error) => {
    if (error instanceof HTTPException) return error.res ?? badRequest(error);
    if (error instanceof DeliveriesAway) return spoolAway(error);
    services.onError(error);
    return refuse(500, "internal", "A bug in Outrigger", "the log has more");
  });
  app.route("/", healthRoutes(services));
  app.route("/", dashboardRoutes());
  for (const routes of [
    statusRoutes(services),
    meRoutes(),
    breakerRoutes(services),
    appRoutes(services),
    failoverRoutes(services),
    deliveryRoutes(services),
    verificationRoutes(services),
    webhookHealthRoutes(services),
    webhookMetricsRoutes(services),
    sampleRoutes(services),
    // Before the resource whose ids its name would be one of.
    dlqExportRoutes(services),
    dlqImportRoutes(services),
    dlqBulkRoutes(services),
    dlqRoutes(services),
    parkingRoutes(services),
    backupRoutes(services),
    alertRoutes(services),
    manifestRoutes(services),
    explainRoutes(services),
    auditRoutes(services),
    eventRoutes(events, tickets),
    notificationRoutes(services),
  ])
    app.route(BASE, routes);
  app.get(`${BASE}/openapi.json`, (c) => c.json(openApiDocument(app)));
  app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  return app;
}

const TAGS = [
  ["status", "What runs now."],
  ["circuit-breaker", "The breakers of each route, one for each upstream."],
  ["apps", "How each app and its upstreams are."],
  ["failover", "Which upstream has the traffic of an app, and moving it."],
  ["calls", "The history of calls: counts, rates, latency, single ones."],
  ["deliveries", "What was accepted for later, on its way to its app."],
  ["dlq", "What never arrived, or was cancelled: kept until somebody acts."],
  ["spool", "The store of both."],
  ["alerts", "What needs somebody, by rules."],
  ["manifest", "What the service was told to do."],
  ["events", "What happens, as it happens."],
  ["notifications", "What people were to be told, and whether they were."],
  ["audit", "Who changed what."],
  ["health", "For probes and scrapers: no token, any host."],
] as const;

/** The API's description, from the schemas that judge its requests (OpenAPI 3.1). */
function openApiDocument(app: OpenAPIHono<AdminEnv>): object {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Outrigger admin API",
      version: "1",
      description:
        "What a running sidecar tells and does. Changes are POST, PUT or DELETE, and need an operator's token.",
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    servers: [{ url: "http://127.0.0.1:9090" }],
    security: [{ token: [] }],
    tags: TAGS.map(([name, description]) => ({ name, description })),
  });
}

/** Every part of a request that is not as its schema says. */
function invalidRequest(target: string, error: z.core.$ZodError): Response {
  const where = target === "json" ? "body" : target;
  const issues = error.issues.slice(0, 100).map(({ path, message }) => ({
    path: [where, ...path].map(String).join("."),
    message: message.slice(0, 500),
  }));
  return refuse(400, "bad-request", "The request is not as it should be", "issues says where", { issues });
}

/** How long the spool takes to come back, in seconds: a thread that is started again, a disk that has room again. */
const SPOOL_BACK = 2;

function spoolAway({ message }: DeliveriesAway): Response {
  return problemResponse(problem(503, "spool-away", "The spool does not answer", message || "ask again in a while"), {
    "Retry-After": String(SPOOL_BACK),
  });
}

/** What the framework refuses by itself: a body that is no JSON, or says it is something else. */
function badRequest({ status, message }: HTTPException): Response {
  const name = status === 415 ? "unsupported-media-type" : "bad-request";
  const detail = status === 415 ? "send JSON, with Content-Type: application/json" : message;
  return refuse(status, name, STATUS_CODES[status] ?? "Refused", detail);
}
