import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { timeText } from "../../core/event.record.ts";
import { EVENT_TYPES } from "../../core/events.ts";
import { parseDuration } from "../../manifest/units.ts";
import { type AdminEnv, refusal, refuse } from "../env.ts";
import type { Ask, Followers } from "../follow.ts";
import type { EventFilter } from "../ring.ts";
import type { Sockets } from "../sockets.ts";
import { openStream, tooMany } from "../streams.ts";
import type { Tickets } from "../tickets.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, nameSchema, timeSchema } from "../wire.ts";

/** The two forms of the event stream. */
export interface EventWays {
  readonly followers: Followers;
  readonly sockets: Sockets;
}

const tags = ["events"];

const typesSchema = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => [given].flat().flatMap((text) => text.split(",")))
  .pipe(z.array(z.enum(EVENT_TYPES)));

const roomSchema = z.string().max(256).openapi({ description: "The value of the `context` label `room`." });

const querySchema = z.object({
  app: nameSchema.optional(),
  type: typesSchema.optional().openapi({
    param: {
      name: "type",
      in: "query",
      schema: { type: "array", items: { type: "string", enum: [...EVENT_TYPES] } },
    },
    description: "One type or several, repeated or with commas; all without it.",
  }),
  room: roomSchema.optional(),
  ticket: z
    .string()
    .max(128)
    .optional()
    .openapi({ description: "In place of a token: only what passes its filter comes, until it is over." }),
});
type Query = z.infer<typeof querySchema>;

const eventsRoute = createRoute({
  method: "get",
  path: "/events",
  operationId: "events",
  summary: "Events as they happen, as server-sent events",
  description:
    "Each message has the event's type as `event`, an `id` to resume from with `Last-Event-ID`, and the event as JSON in " +
    "`data`. A message `gap` says that events after the given id are no longer held. Who reads too slowly is cut off.",
  tags,
  request: { query: querySchema, headers: z.object({ "last-event-id": z.string().max(64).optional() }) },
  responses: {
    200: { description: "A stream without end.", content: { "text/event-stream": { schema: z.string() } } },
    ...COMMON_ERRORS,
    503: errorResponse("Too many streams are open."),
  },
});

const socketRoute = createRoute({
  method: "get",
  path: "/events/ws",
  operationId: "eventsSocket",
  summary: "Events as they happen, over a WebSocket",
  description:
    'Each message is JSON: `{"id", "type", "data"}`, or `{"type": "gap", "after"}` where events are no longer held. ' +
    "Whatever a client says is ignored; one that answers no ping, or reads too slowly, is cut off.",
  tags,
  request: {
    query: querySchema.extend({
      last_event_id: z.string().max(64).optional().openapi({ description: "Resume from after this event." }),
    }),
  },
  responses: {
    101: { description: "The WebSocket is open." },
    ...COMMON_ERRORS,
    426: errorResponse("The request does not ask for a WebSocket."),
    503: errorResponse("Too many streams are open."),
  },
});

const MAX_TTL_MS = 86_400_000;
const DEFAULT_TTL_MS = 600_000;

const ticketRoute = createRoute({
  method: "post",
  path: "/events/tickets",
  operationId: "issueTicket",
  summary: "Let somebody without a token follow an app, or one room of it, for a while",
  description: "The ticket is good for `GET /events` and `/events/ws` with `?ticket=`, and shows nothing else.",
  tags,
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({
              app: nameSchema.optional(),
              room: roomSchema.min(1).optional(),
              type: z.array(z.enum(EVENT_TYPES)).min(1).optional(),
              ttl: z
                .union([z.number(), z.string()])
                .default(DEFAULT_TTL_MS)
                .transform((value, context) => {
                  const ms = parseDuration(value);
                  if (ms !== null && ms >= 1000 && ms <= MAX_TTL_MS) return ms;
                  context.addIssue({ code: "custom", message: "expected a duration from 1s to 24h, such as 10m" });
                  return z.NEVER;
                })
                .openapi({ type: "string", example: "10m", description: "Milliseconds, or with a unit; at most 24h." }),
            })
            .refine(({ app, room }) => app !== undefined || room !== undefined, "say an app, a room, or both"),
        },
      },
    },
  },
  responses: {
    201: jsonResponse(z.object({ ticket: z.string(), expires_at: timeSchema }).openapi("Ticket"), "Shown this once."),
    ...COMMON_ERRORS,
    503: errorResponse("Too many tickets are good at once."),
  },
});

export function eventRoutes({ followers, sockets }: EventWays, tickets: Tickets) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(eventsRoute, (c) => {
      const ask = askOf(c, c.req.valid("query"), c.req.valid("header")["last-event-id"]);
      return openStream(c, ask, followers);
    })
    .openapi(socketRoute, (c) => {
      const query = c.req.valid("query");
      const ask = askOf(c, query, query.last_event_id);
      if (followers.full(ask.leftMs !== null)) return tooMany();
      if (sockets.admit(c.env.incoming, ask)) return new Response(null);
      return refuse(426, "upgrade-required", "A WebSocket is to be asked for", "send Upgrade: websocket");
    })
    .openapi(ticketRoute, (c) => {
      const { app = null, room = null, type, ttl } = c.req.valid("json");
      const issued = tickets.issue({ app, room, types: type === undefined ? null : new Set(type) }, ttl);
      if (issued === null)
        throw refusal(503, "too-many-tickets", "Too many tickets", "ask again when some of them are over");
      return c.json({ ticket: issued.ticket, expires_at: timeText(issued.expiresAt) }, 201);
    });
}

function askOf(c: Context<AdminEnv>, query: Query, lastId: string | undefined): Ask {
  const { app, type, room } = query;
  const types = type === undefined ? null : new Set(type);
  const ticket = c.get("ticket");
  if (ticket === undefined) return { filter: { app: app ?? null, types, room: room ?? null }, lastId, leftMs: null };
  return {
    filter: narrowed(ticket.filter, { app: app ?? null, types, room: room ?? null }),
    lastId,
    leftMs: ticket.leftMs,
  };
}

/** A ticket is good for its own filter: a request may ask for less, never for anything else. */
function narrowed(filter: EventFilter, wanted: EventFilter): EventFilter {
  for (const key of ["app", "room"] as const) {
    if (wanted[key] !== null && filter[key] !== null && wanted[key] !== filter[key])
      throw refusal(403, "forbidden", "Not with this ticket", `this ticket is of another ${key}`);
  }
  return {
    app: filter.app ?? wanted.app,
    room: filter.room ?? wanted.room,
    types:
      filter.types === null
        ? wanted.types
        : wanted.types === null
          ? filter.types
          : filter.types.intersection(wanted.types),
  };
}
