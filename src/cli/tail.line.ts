import { z } from "zod";
import { type Io, paint } from "./command.ts";
import { printable } from "./table.ts";

const recordSchema = z.looseObject({
  type: z.string(),
  at: z.string(),
  app: z.string().optional(),
  capability: z.string().optional(),
  outcome: z.string().optional(),
  id: z.string().optional(),
});
type EventView = z.infer<typeof recordSchema>;

const completedSchema = z.looseObject({
  method: z.string(),
  outcome: z.string(),
  reason: z.string().optional(),
  strategy: z.string().optional(),
  status: z.number(),
  duration_ms: z.number(),
  attempts: z.array(
    z.looseObject({ upstream: z.string(), reason: z.string().optional(), status: z.number().optional() }),
  ),
  denied: z.string().optional(),
  id: z.string(),
  labels: z.record(z.string(), z.string()),
});

const RED: ReadonlySet<string> = new Set(["breaker.opened", "upstream.down", "storage.failing", "alert.firing"]);
const YELLOW: ReadonlySet<string> = new Set(["fallback.used", "breaker.half_open", "failover"]);
const GREEN: ReadonlySet<string> = new Set(["breaker.closed", "failback", "upstream.up", "alert.resolved"]);

/** Said in the line's front, or of no use to a person. */
const IN_FRONT: ReadonlySet<string> = new Set(["type", "at", "app", "capability", "mode"]);

/**
 * Gives an event's line for people: the time, the event, the route, then what there is to say and nothing that is
 * empty. null: the line before has said it, as that of a request says which fallback was used.
 */
export function createEventLine(io: Io): (data: string) => string | null {
  const { dim } = paint(io);
  const colour = colourOf(io);
  let lastFallback: string | undefined;
  return (data) => {
    const parsed = recordSchema.safeParse(parse(data));
    if (!parsed.success) return printable(data);
    const event = parsed.data;
    if (event.type === "fallback.used" && event.id !== undefined && event.id === lastFallback) return null;
    if (event.type === "request.completed" && event.outcome === "fallback") lastFallback = event.id;
    const route = event.app === undefined ? "" : ` ${event.app}`;
    const name = `${event.type}${route}${event.capability === undefined ? "" : `/${event.capability}`}`;
    const completed = event.type === "request.completed" ? completedSchema.safeParse(event) : null;
    const rest = completed?.success ? requestText(completed.data) : fieldsText(event);
    return `${dim(printable(event.at))} ${colour(event)(printable(name))}${printable(rest)}`;
  };
}

/** Judged, and no success: as of samples. All that is not about a request passes. */
export function isFailure(data: string): boolean {
  const parsed = recordSchema.safeParse(parse(data));
  if (!parsed.success || parsed.data.type !== "request.completed") return true;
  return parsed.data.outcome === "failed" || parsed.data.outcome === "fallback";
}

function colourOf(io: Io): (event: EventView) => (text: string) => string {
  const { red, yellow, green } = paint(io);
  return ({ type, outcome }) => {
    if (outcome === "failed" || RED.has(type)) return red;
    if (outcome === "fallback" || YELLOW.has(type)) return yellow;
    return GREEN.has(type) ? green : (text) => text;
  };
}

/** As in ` POST 200 fallback random_pick (connect) 60ms, tried primary connect, backup timeout; id=… room=7`. */
function requestText(request: z.infer<typeof completedSchema>): string {
  const { method, status, outcome, strategy, reason, attempts, denied, id, labels } = request;
  const ended = (one: (typeof attempts)[number]) => (one.reason === "status" ? one.status : (one.reason ?? one.status));
  const tries = attempts.map((one) => `${one.upstream} ${ended(one) ?? "without answer"}`).join(", ");
  const wentWell = attempts.length < 2 && (outcome === "ok" || outcome === "declined");
  return [
    ` ${method} ${status === 0 ? "" : `${status} `}${outcome}`,
    strategy === undefined ? "" : ` ${strategy}`,
    reason === undefined ? "" : ` (${reason})`,
    ` ${durationText(request.duration_ms)}`,
    wentWell || tries === "" ? "" : `, tried ${tries}`,
    denied === undefined ? "" : `, not repeated: ${denied}`,
    `; id=${id}`,
    ...Object.entries(labels).map(([name, value]) => ` ${name}=${value}`),
  ].join("");
}

function durationText(ms: number): string {
  return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)}ms`;
}

function fieldsText(event: EventView): string {
  return Object.entries(event)
    .filter(([name, value]) => !IN_FRONT.has(name) && !isEmpty(value))
    .map(([name, value]) => (name === "labels" ? labelsText(value) : ` ${name}=${valueText(value)}`))
    .join("");
}

function labelsText(labels: unknown): string {
  return Object.entries(labels ?? {})
    .map(([name, value]) => ` ${name}=${valueText(value)}`)
    .join("");
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** No news: false, nothing, an empty list. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
