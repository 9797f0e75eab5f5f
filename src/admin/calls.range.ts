import { z } from "@hono/zod-openapi";
import { MINUTES_KEPT_MS } from "../core/calls.ts";
import { refusal } from "./env.ts";
import type { CallQuery } from "./services.calls.ts";

/** Which span of time a request asks about, and in which steps. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const WINDOW_MS = { "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS } as const;
/** The spans up to now that have a name. */
export const WINDOWS = Object.keys(WINDOW_MS) as readonly (keyof typeof WINDOW_MS)[];
const MAX_POINTS = 3_000;
/** Where lines of a list are asked for, each has so many at most. */
const MAX_LINE_POINTS = 200;
/** Unless it is told, a span has so many at most; of lines fewer, since each is a read for each of them. */
const USUAL_POINTS = 200;
const USUAL_LINE_POINTS = 60;
const STEPS = [1, 5, 15, 60, 360, 1440].map((minutes) => minutes * MINUTE_MS);

const momentSchema = z.iso.datetime({ offset: true }).openapi({ example: "2026-01-01T00:00:00Z" });

export const rangeQuerySchema = z.object({
  window: z.enum(WINDOWS).optional().openapi({ description: "Up to now. Default 1h, unless `from` is set." }),
  from: momentSchema.optional().openapi({ description: "In place of `window`: the begin of the span (RFC 3339)." }),
  to: momentSchema.optional().openapi({ description: "With `from`: its end. Default now." }),
  step: z
    .string()
    .regex(/^[1-9]\d{0,3}[mhd]$/, "a number of minutes, hours or days, as in 5m, 1h or 1d")
    .optional()
    .openapi({
      description: `Divides an hour, or is whole hours. At most ${MAX_POINTS} steps, and ${MAX_LINE_POINTS} where lines are asked for.`,
      example: "5m",
    }),
});
export type RangeQuery = z.infer<typeof rangeQuerySchema>;

/** `wall`: Unix milliseconds now. Throws the refusal of a range that makes no sense. */
export function rangeOf({ window, from, to, step }: RangeQuery, lines: boolean, wall: number): CallQuery {
  if (window !== undefined && (from ?? to) !== undefined) throw wrong("window", "either window, or from and to");
  if (to !== undefined && from === undefined) throw wrong("from", "with to, from is needed");
  // This very millisecond is over, too.
  const toMs = to === undefined ? wall + 1 : Date.parse(to);
  const fromMs = from === undefined ? toMs - WINDOW_MS[window ?? "1h"] : Date.parse(from);
  if (fromMs >= toMs) throw wrong("to", "to must be later than from");
  const byTheHour = fromMs < wall - MINUTES_KEPT_MS;
  const stepMs =
    step === undefined ? stepFor(toMs - fromMs, lines ? USUAL_LINE_POINTS : USUAL_POINTS, byTheHour) : stepOf(step);
  const max = lines ? MAX_LINE_POINTS : MAX_POINTS;
  if ((toMs - fromMs) / stepMs > max) throw wrong("step", `more than ${max} steps: make it larger`);
  if (byTheHour && stepMs < HOUR_MS) throw wrong("step", "what is older than 48 h is known by the hour: 1h or more");
  return { fromMs, toMs, stepMs };
}

/** Rows that the lines of one request are read from at most: some hundred milliseconds of the storage thread's time. */
const MAX_LINE_ROWS = 15_000;

/** How many lines one request may have: over a long span fewer than were asked for, and `next` goes on. */
export function linesAtOnce({ fromMs, toMs, stepMs }: CallQuery): number {
  // Where hours are read, those that are not written yet are read by the minute: about one of them.
  const rows = stepMs % HOUR_MS === 0 ? (toMs - fromMs) / HOUR_MS + 60 : (toMs - fromMs) / MINUTE_MS;
  return Math.max(Math.floor(MAX_LINE_ROWS / rows), 1);
}

function stepFor(spanMs: number, points: number, byTheHour: boolean): number {
  const fitting = STEPS.find((stepMs) => spanMs / stepMs <= points && !(byTheHour && stepMs < HOUR_MS));
  // Whole days, as many as it takes.
  return fitting ?? Math.ceil(spanMs / points / DAY_MS) * DAY_MS;
}

function stepOf(text: string): number {
  const stepMs = Number(text.slice(0, -1)) * { m: MINUTE_MS, h: HOUR_MS, d: DAY_MS }[text.at(-1) as "m" | "h" | "d"];
  if (HOUR_MS % stepMs !== 0 && stepMs % HOUR_MS !== 0)
    throw wrong("step", "it must divide an hour, or be whole hours");
  return stepMs;
}

function wrong(part: string, message: string) {
  return refusal(400, "bad-request", "The request is not as it should be", "issues says where", {
    issues: [{ path: `query.${part}`, message }],
  });
}
