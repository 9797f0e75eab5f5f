import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { type AdminEnv, refusal } from "../env.ts";
import { failoverSchema, failoverView, type MoveView, moveSchema, moveView } from "../health.ts";
import { numberCursor, pageOf } from "../page.ts";
import type { AdminServices, FailoverService, SwitchChange } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, listSchema, nameSchema, pageQuerySchema } from "../wire.ts";
import { noApp } from "./apps.ts";
import { foreignCursor } from "./audit.ts";

const tags = ["failover"];
const params = z.object({ app: nameSchema });
const NOT_THERE = errorResponse("The manifest has no such app.");

const listRoute = createRoute({
  method: "get",
  path: "/failover",
  operationId: "listFailover",
  summary: "Where the traffic of each app goes",
  tags,
  request: { query: pageQuerySchema },
  responses: { 200: jsonResponse(listSchema(failoverSchema), "By app."), ...COMMON_ERRORS },
});

export const failoverDetailSchema = failoverSchema
  .extend({
    moves: listSchema(moveSchema)
      .nullable()
      .openapi({ description: "Newest first; `limit` and `cursor` are theirs. null while history does not answer." }),
  })
  .openapi("FailoverDetail");

const showRoute = createRoute({
  method: "get",
  path: "/failover/{app}",
  operationId: "showFailover",
  summary: "Where the traffic of an app goes, and each time it moved",
  tags,
  request: { params, query: pageQuerySchema },
  responses: { 200: jsonResponse(failoverDetailSchema, "As it is now."), ...COMMON_ERRORS, 404: NOT_THERE },
});

const switchRoute = createRoute({
  method: "post",
  path: "/failover/{app}/switch",
  operationId: "switchApp",
  summary: "Pin the traffic of an app to one of its upstreams",
  description:
    "It goes there, even to one that is away now, until it is released or pinned elsewhere. While that one fails, the others have it.",
  tags,
  request: {
    params,
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({ to: z.string().min(1).max(256).openapi({ description: "The upstream's name." }) })
            .openapi("SwitchRequest"),
        },
      },
    },
  },
  responses: {
    200: jsonResponse(failoverSchema, "Pinned."),
    ...COMMON_ERRORS,
    404: NOT_THERE,
    409: errorResponse("The app has one upstream."),
    422: errorResponse("The app has no such upstream; `upstreams` names those it has."),
  },
});

const releaseRoute = createRoute({
  method: "post",
  path: "/failover/{app}/release",
  operationId: "releaseApp",
  summary: "Let the health of an app's upstreams choose again",
  tags,
  request: { params },
  responses: {
    200: jsonResponse(failoverSchema, "Released."),
    ...COMMON_ERRORS,
    404: NOT_THERE,
    409: errorResponse("It is not pinned."),
  },
});

export function failoverRoutes({ failover, audit, clock }: AdminServices) {
  const view = (app: string) => {
    const health = failover.find(app);
    if (health === null) throw noApp(app);
    return failoverView(health, clock.wall());
  };
  const changed = (action: string, by: string, target: string, detail: string): void =>
    audit.add({ at: clock.wall(), by, action, target, detail });

  return new OpenAPIHono<AdminEnv>()
    .openapi(listRoute, (c) => {
      const { items, next } = pageOf(failover.list(), ({ app }) => app, c.req.valid("query"));
      const wall = clock.wall();
      return c.json({ items: items.map((health) => failoverView(health, wall)), next }, 200);
    })
    .openapi(showRoute, async (c) => {
      const { app } = c.req.valid("param");
      const { limit, cursor } = c.req.valid("query");
      const before = numberCursor(cursor);
      if (before === undefined) throw foreignCursor();
      const shown = view(app);
      return c.json({ ...shown, moves: await movesOf(failover, { app, limit, cursor: before }) }, 200);
    })
    .openapi(switchRoute, async (c) => {
      const { app } = c.req.valid("param");
      const { to } = c.req.valid("json");
      const { name } = c.get("who");
      const from = failover.find(app)?.active ?? "none";
      assertSwitched(await failover.switchTo(app, to, name), failover, app, to);
      changed("failover.switch", name, app, `pinned to ${to}, was on ${from}`);
      return c.json(view(app), 200);
    })
    .openapi(releaseRoute, async (c) => {
      const { app } = c.req.valid("param");
      const { name } = c.get("who");
      const pinned = failover.find(app)?.pinned;
      const change = await failover.release(app, name);
      if (change === "unknown_app") throw noApp(app);
      if (change === "not_pinned")
        throw refusal(409, "not-pinned", "Not pinned", `nobody pinned the traffic of ${app}`);
      changed("failover.release", name, app, pinned ? `was pinned to ${pinned.upstream} by ${pinned.by}` : "released");
      return c.json(view(app), 200);
    });
}

/** Where traffic goes now is wanted then more than ever, so a disk that fails takes only the history away. */
async function movesOf(
  failover: FailoverService,
  page: Parameters<FailoverService["moves"]>[0],
): Promise<{ items: MoveView[]; next: string | null } | null> {
  try {
    const { items, next } = await failover.moves(page);
    return { items: items.map(moveView), next: next === null ? null : String(next) };
  } catch {
    return null;
  }
}

function assertSwitched(change: SwitchChange, failover: FailoverService, app: string, to: string): void {
  if (change === "unknown_app") throw noApp(app);
  if (change === "single")
    throw refusal(409, "single-upstream", "One upstream only", `${app} has nowhere else to send its traffic`);
  if (change === "unknown_upstream") {
    const upstreams = failover.find(app)?.upstreams.map(({ upstream }) => upstream) ?? [];
    throw refusal(422, "no-upstream", "No such upstream", `${app} has no ${to}, but ${upstreams.join(", ")}`, {
      upstreams,
    });
  }
}
