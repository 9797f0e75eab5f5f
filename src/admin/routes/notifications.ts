import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { timeText } from "../../core/event.record.ts";
import type { StoredNotification } from "../../core/stored.notification.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { numberCursor } from "../page.ts";
import type { AdminServices } from "../services.ts";
import {
  COMMON_ERRORS,
  errorResponse,
  jsonResponse,
  listSchema,
  nameSchema,
  pageQuerySchema,
  timeSchema,
} from "../wire.ts";
import { foreignCursor } from "./audit.ts";

const tags = ["notifications"];

export const notificationSchema = z
  .object({
    id: z.string(),
    at: timeSchema,
    type: z.string().openapi({
      example: "breaker.opened",
      description: "The event's; `notifications.held_back` for what came too fast, `notifications.test` for a test.",
    }),
    severity: z.enum(["info", "good", "warning", "critical"]),
    app: z.string().nullable(),
    capability: z.string().nullable(),
    room: z.string().nullable(),
    title: z.string(),
    text: z.string().openapi({ description: "What happened and since when, what it means, what to do next." }),
    command: z.string().nullable().openapi({ description: "What shows or mends it." }),
    read_at: timeSchema.nullable(),
    read_by: z.string().nullable(),
    deliveries: z.array(
      z.object({
        channel: z.string(),
        state: z.enum(["waiting", "sent", "failed", "dropped"]),
        attempts: z.int(),
        detail: z.string().nullable().openapi({ description: "Why the last try was not good." }),
        at: timeSchema,
      }),
    ),
  })
  .openapi("Notification");
export type NotificationView = z.infer<typeof notificationSchema>;

const AWAY = errorResponse("The history does not answer.");
const params = z.object({ id: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "an id as the list shows it") });

const listRoute = createRoute({
  method: "get",
  path: "/notifications",
  operationId: "listNotifications",
  summary: "What people were to be told, and whether they were",
  tags,
  request: {
    query: pageQuerySchema.extend({
      app: nameSchema.optional(),
      room: z.string().max(256).optional().openapi({ description: "The value of the `context` label `room`." }),
      type: z.string().max(64).optional(),
      unread: z.enum(["true", "false"]).default("false").openapi({ description: "Only what nobody has read." }),
    }),
  },
  responses: { 200: jsonResponse(listSchema(notificationSchema), "Newest first."), ...COMMON_ERRORS, 503: AWAY },
});

const showRoute = createRoute({
  method: "get",
  path: "/notifications/{id}",
  operationId: "showNotification",
  summary: "One of them: what the link in a message leads to",
  tags,
  request: { params },
  responses: {
    200: jsonResponse(notificationSchema, "As it is now."),
    ...COMMON_ERRORS,
    404: errorResponse("There is none, or no longer."),
    503: AWAY,
  },
});

const readRoute = createRoute({
  method: "post",
  path: "/notifications/{id}/read",
  operationId: "readNotification",
  summary: "Say that it has been read; the first who does is remembered",
  tags,
  request: { params },
  responses: {
    200: jsonResponse(notificationSchema, "Read."),
    ...COMMON_ERRORS,
    404: errorResponse("There is none, or no longer."),
    503: AWAY,
  },
});

export const testSchema = z
  .object({
    channel: z.string(),
    sent: z.boolean(),
    status: z.int().openapi({ description: "Of the endpoint or the mail server; 0 where none answered." }),
    detail: z.string().nullable(),
  })
  .openapi("ChannelTest");

const testRoute = createRoute({
  method: "post",
  path: "/notifications/test",
  operationId: "testChannel",
  summary: "Send a test message through a channel now, once",
  tags,
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: z.strictObject({ channel: nameSchema }) } },
    },
  },
  responses: {
    200: jsonResponse(testSchema, "What came of it: also where it was not sent."),
    ...COMMON_ERRORS,
    404: errorResponse("The manifest has no such channel."),
  },
});

export function notificationRoutes({ notifications, audit, clock, mask }: AdminServices) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(listRoute, async (c) => {
      const { limit, cursor, app, room, type, unread } = c.req.valid("query");
      const before = numberCursor(cursor);
      if (before === undefined) throw foreignCursor();
      const query = { app: app ?? null, room: room ?? null, type: type ?? null, unread: unread === "true" };
      const { items, next } = await asked(notifications.list({ limit, cursor: before, ...query }));
      return c.json({ items: items.map(view), next: next === null ? null : String(next) }, 200);
    })
    .openapi(testRoute, async (c) => {
      const { channel } = c.req.valid("json");
      const { name } = c.get("who");
      const result = await notifications.test(channel, name);
      if (result === null) {
        const known = notifications.channels().join(", ") || "none";
        throw refusal(404, "no-channel", "No such channel", `there is no channel ${channel}; known: ${known}`);
      }
      audit.add({
        at: clock.wall(),
        by: name,
        action: "notify.test",
        target: channel,
        detail: result.detail ?? "sent",
      });
      return c.json({ channel, ...result, detail: result.detail === null ? null : mask(result.detail) }, 200);
    })
    .openapi(showRoute, async (c) => {
      const { id } = c.req.valid("param");
      return c.json(view(there(await asked(notifications.find(id)))), 200);
    })
    .openapi(readRoute, async (c) => {
      const { id } = c.req.valid("param");
      return c.json(view(there(await asked(notifications.read(id, c.get("who").name)))), 200);
    });
}

function there(found: StoredNotification | null): StoredNotification {
  if (found === null) throw refusal(404, "not-found", "No such notification", "it is gone, or never was");
  return found;
}

function view({ readAt, readBy, deliveries, at, severity, ...row }: StoredNotification): NotificationView {
  return {
    ...row,
    at: timeText(at),
    severity: notificationSchema.shape.severity.catch("info").parse(severity),
    read_at: readAt === null ? null : timeText(readAt),
    read_by: readBy,
    deliveries: deliveries.map((one) => ({ ...one, at: timeText(one.at) })),
  };
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch {
    throw refusal(503, "history-away", "The history does not answer", "ask again in a while");
  }
}
