import { z } from "@hono/zod-openapi";
import type { CallSeries, CallStats } from "../core/calls.ts";
import { timeText } from "../core/event.record.ts";
import { timeSchema } from "./wire.ts";

/** What is known of calls, as the API shows it. */

const rate = (of: string) =>
  z
    .number()
    .nullable()
    .openapi({ description: `Percent of \`judged\`: ${of}. null: none.` });
const latency = z.number().nullable().openapi({ description: "At most 1 % off; null where nothing was measured." });

const statsSchema = z
  .object({
    count: z.int().openapi({
      description: "Calls. Of an asynchronous route: attempts to deliver; what it accepted is `outcomes.queued`.",
    }),
    judged: z.int().openapi({ description: "Those that say something about the app: all but rejected and aborted." }),
    success: z.int().openapi({ description: "`ok` and `declined`: the app's own answers." }),
    success_rate: rate("`success`"),
    timeouts: z.int().openapi({ description: "The app did not answer in time; also where a fallback did." }),
    timeout_rate: rate("`timeouts`"),
    p50_ms: latency,
    p95_ms: latency,
    p99_ms: latency,
    mean_ms: z.number().nullable(),
    max_ms: z.number().nullable(),
    outcomes: z.object({
      ok: z.int(),
      declined: z.int(),
      fallback: z.int(),
      queued: z.int().openapi({ description: "Accepted for later: not in `count`." }),
      failed: z.int(),
      rejected: z.int(),
      aborted: z.int(),
    }),
    delivered: z.int().openapi({ description: "Stored jobs that reached their app." }),
    dead: z.int().openapi({ description: "Stored jobs that went to the dead-letter queue." }),
  })
  .openapi("CallStats");
const pointSchema = statsSchema
  .extend({ at: timeSchema })
  .openapi("CallPoint", { description: "One step of time: `at` is its begin." });

export const callSeriesSchema = z
  .object({
    app: z.string().nullable().openapi({ description: "null: all apps." }),
    capability: z.string().nullable().openapi({ description: "null: all routes of the app." }),
    from: timeSchema,
    to: timeSchema,
    step_ms: z.int(),
    total: statsSchema,
    series: z.array(pointSchema).openapi({ description: "One for each step, also where nothing happened." }),
  })
  .openapi("CallSeries");
export type CallSeriesView = z.infer<typeof callSeriesSchema>;

/** A line of a list: few numbers a step, since there are many lines. */
export const callLineSchema = z
  .object({
    app: z.string(),
    capability: z.string().nullable(),
    total: statsSchema,
    spark: z
      .object({
        count: z.array(z.int()),
        failed: z.array(z.int()).openapi({ description: "`judged` less `success`." }),
        p95_ms: z.array(z.number().nullable()),
      })
      .openapi({ description: "One number for each step of the series beside it, in the same order." }),
  })
  .openapi("CallLine");
export type CallLineView = z.infer<typeof callLineSchema>;

export function callSeriesView(found: CallSeries): CallSeriesView {
  const { app, capability, fromMs, toMs, stepMs, total, points } = found;
  return {
    app,
    capability,
    from: timeText(fromMs),
    to: timeText(toMs),
    step_ms: stepMs,
    total: statsView(total),
    series: points.map((point) => ({ at: timeText(point.at), ...statsView(point) })),
  };
}

export function callLineView({ app, capability, total, points }: CallSeries): CallLineView {
  return {
    app: app ?? "",
    capability,
    total: statsView(total),
    spark: {
      count: points.map(({ count }) => count),
      failed: points.map(({ judged, success }) => judged - success),
      p95_ms: points.map(({ p95 }) => rounded(p95)),
    },
  };
}

function statsView(stats: CallStats): z.infer<typeof statsSchema> {
  const { count, judged, success, timeouts, outcomes, delivered, dead } = stats;
  return {
    count,
    judged,
    success,
    success_rate: percent(stats.successRate),
    timeouts,
    timeout_rate: percent(stats.timeoutRate),
    p50_ms: rounded(stats.p50),
    p95_ms: rounded(stats.p95),
    p99_ms: rounded(stats.p99),
    mean_ms: rounded(stats.mean),
    max_ms: rounded(stats.max),
    outcomes: { ...outcomes },
    delivered,
    dead,
  };
}

/** Rounded down, so that only a rate without any failure shows as 100. */
function percent(part: number | null): number | null {
  return part === null ? null : Math.floor(part * 100_000) / 1000;
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1000;
}
