import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { EVENT_TYPES } from "../../core/events.ts";
import type { AdminEnv } from "../env.ts";
import type { Streams } from "../streams.ts";
import { COMMON_ERRORS, errorResponse, nameSchema } from "../wire.ts";

const typesSchema = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => [given].flat().flatMap((text) => text.split(",")))
  .pipe(z.array(z.enum(EVENT_TYPES)));

const eventsRoute = createRoute({
  method: "get",
  path: "/events",
  operationId: "events",
  summary: "Events as they happen, as server-sent events",
  description:
    "Each message has the event's type as `event`, an `id` to resume from with `Last-Event-ID`, and the event as JSON in " +
    "`data`. A message `gap` says that events after the given id are no longer held. Who reads too slowly is cut off.",
  tags: ["events"],
  request: {
    query: z.object({
      app: nameSchema.optional(),
      type: typesSchema.optional().openapi({
        param: {
          name: "type",
          in: "query",
          schema: { type: "array", items: { type: "string", enum: [...EVENT_TYPES] } },
        },
        description: "One type or several, repeated or with commas; all without it.",
      }),
      room: z.string().max(256).optional().openapi({ description: "The value of the `context` label `room`." }),
    }),
    headers: z.object({ "last-event-id": z.string().max(64).optional() }),
  },
  responses: {
    200: { description: "A stream without end.", content: { "text/event-stream": { schema: z.string() } } },
    ...COMMON_ERRORS,
    503: errorResponse("Too many streams are open."),
  },
});

export function eventRoutes(streams: Streams) {
  return new OpenAPIHono<AdminEnv>().openapi(eventsRoute, (c) => {
    const { app, type, room } = c.req.valid("query");
    const filter = { app: app ?? null, types: type === undefined ? null : new Set(type), room: room ?? null };
    return streams.open(c, filter, c.req.valid("header")["last-event-id"]);
  });
}
