import { z } from "@hono/zod-openapi";
import { timeText } from "../core/event.record.ts";
import { type AppHealth, HEALTH_STATUSES, MOVE_REASONS, STANDINGS, type UpstreamHealth } from "../core/health.ts";
import { REASONS } from "../core/outcome.ts";
import { redactJson } from "../core/redact.ts";
import type { StoredMove } from "../core/stored.ts";
import { timeSchema } from "./wire.ts";

/** Apps, their upstreams and the moves of their traffic, as the API shows them. */

const pinnedSchema = z
  .object({ upstream: z.string(), by: z.string(), at: timeSchema })
  .nullable()
  .openapi({ description: "Where an operator pinned the traffic; null where nobody did." });

const standingFields = {
  upstream: z.string(),
  priority: z.int(),
  weight: z.number(),
  active: z.boolean().openapi({ description: "Requests are sent here first." }),
  standing: z.enum(STANDINGS).openapi({ description: "`returning`: single requests are tried on it." }),
  since: timeSchema,
  cause: z.enum(MOVE_REASONS).nullable().openapi({ description: "Why it is not serving; null where it is." }),
  status: z.enum(HEALTH_STATUSES),
  well_since: timeSchema.nullable().openapi({ description: "Since when all criteria of recovery hold." }),
  returns_at: timeSchema.nullable().openapi({ description: "When its hold is over, if it stays well." }),
};

const lastCheckSchema = z.object({
  at: timeSchema,
  status: z.enum(HEALTH_STATUSES),
  answered: z.boolean().openapi({ description: "Any HTTP answer at all." }),
  http_status: z.int().openapi({ description: "0 where no answer came." }),
  duration_ms: z.number(),
  reason: z.enum(REASONS).nullable(),
  proxy_error: z
    .string()
    .nullable()
    .openapi({ description: "An error type of RFC 9209.", example: "connection_refused" }),
  detail: z.string().nullable(),
});

const lastFailureSchema = z.object({
  at: timeSchema,
  reason: z.enum(REASONS).nullable(),
  http_status: z.int().openapi({ description: "0 where no answer came." }),
  detail: z.string().nullable(),
});

const upstreamSchema = z.object({
  ...standingFields,
  url: z.string(),
  consecutive_failures: z.int().openapi({ description: "Of probes and live traffic." }),
  samples: z.int().openapi({ description: "Live calls in the window." }),
  response_ms: z.number().nullable().openapi({ description: "Their mean." }),
  success_rate: z.number().nullable().openapi({ description: "Of them, in percent." }),
  last_check: lastCheckSchema.nullable(),
  last_failure: lastFailureSchema
    .nullable()
    .openapi({ description: "The newest live call that failed, since the start; null for none." }),
});

export const appHealthSchema = z
  .object({
    app: z.string(),
    status: z
      .enum(HEALTH_STATUSES)
      .openapi({ description: "`degraded` also where a backup serves; `unhealthy` where no upstream is usable." }),
    active: z.string().nullable().openapi({ description: "The upstream that requests are sent to first." }),
    pinned: pinnedSchema,
    panic: z.boolean().openapi({ description: "No upstream is well, and requests are tried all the same." }),
    upstreams: z.array(upstreamSchema),
  })
  .openapi("AppHealth");
export type AppHealthView = z.infer<typeof appHealthSchema>;

/** The list leaves out what apps say of themselves: of all together that may be much. */
export const appDetailSchema = appHealthSchema
  .extend({
    upstreams: z.array(
      upstreamSchema.extend({
        last_check: lastCheckSchema
          .extend({
            details: z.record(z.string(), z.unknown()).nullable().openapi({
              description: "The JSON object that the app answered with, where it was one and small; secrets as `***`.",
            }),
          })
          .nullable(),
      }),
    ),
  })
  .openapi("AppHealthDetail");
export type AppDetailView = z.infer<typeof appDetailSchema>;

export const failoverSchema = z
  .object({
    app: z.string(),
    active: z.string().nullable().openapi({ description: "The upstream that requests are sent to first." }),
    pinned: pinnedSchema,
    panic: z.boolean().openapi({ description: "No upstream is well, and requests are tried all the same." }),
    upstreams: z.array(
      z.object({
        ...standingFields,
        hold_left_ms: z.int().nullable().openapi({ description: "Until `returns_at`; 0 where it is over." }),
      }),
    ),
  })
  .openapi("Failover");
export type FailoverView = z.infer<typeof failoverSchema>;

export const moveSchema = z
  .object({
    id: z.int(),
    at: timeSchema,
    kind: z.enum(["failover", "failback"]),
    from: z.string().nullable().openapi({ description: "null where none was well." }),
    to: z.string().nullable().openapi({ description: "null where none is." }),
    reason: z.enum(MOVE_REASONS),
    by: z.string().nullable().openapi({ description: "The operator, where one did it." }),
    duration_ms: z
      .number()
      .openapi({ description: "From the first sign of trouble to the move; of a failback, how long it was away." }),
  })
  .openapi("Move");
export type MoveView = z.infer<typeof moveSchema>;

export function appHealthView(health: AppHealth): AppHealthView {
  const { app, status, active, panic, upstreams } = health;
  return { app, status, active, pinned: pinnedView(health), panic, upstreams: upstreams.map(upstreamView) };
}

export function appDetailView(health: AppHealth): AppDetailView {
  const upstreams = health.upstreams.map((upstream) => {
    const { last_check, ...rest } = upstreamView(upstream);
    const details = redactJson(upstream.lastCheck?.details ?? null) as Record<string, unknown> | null;
    return { ...rest, last_check: last_check && { ...last_check, details } };
  });
  return { ...appHealthView(health), upstreams };
}

/** `wall`: Unix milliseconds now. */
export function failoverView(health: AppHealth, wall: number): FailoverView {
  const { app, active, panic } = health;
  const upstreams = health.upstreams.map((upstream) => {
    const { returnsAt } = upstream;
    const left = returnsAt === null ? null : Math.max(Math.ceil(returnsAt - wall), 0);
    return { ...standingView(upstream), hold_left_ms: left };
  });
  return { app, active, pinned: pinnedView(health), panic, upstreams };
}

export function moveView({ id, at, kind, from, to, reason, by, durationMs }: StoredMove): MoveView {
  return { id, at: timeText(at), kind, from, to, reason, by, duration_ms: rounded(durationMs) };
}

function pinnedView({ pinned }: AppHealth): AppHealthView["pinned"] {
  return pinned && { upstream: pinned.upstream, by: pinned.by, at: timeText(pinned.at) };
}

function standingView(health: UpstreamHealth): Omit<FailoverView["upstreams"][number], "hold_left_ms"> {
  const { upstream, priority, weight, active, standing, since, cause, status, wellSince, returnsAt } = health;
  return {
    upstream,
    priority,
    weight,
    active,
    standing,
    since: timeText(since),
    cause,
    status,
    well_since: wellSince === null ? null : timeText(wellSince),
    returns_at: returnsAt === null ? null : timeText(returnsAt),
  };
}

function upstreamView(health: UpstreamHealth): AppHealthView["upstreams"][number] {
  const { url, consecutiveFailures, samples, responseMs, successRate, lastCheck, lastFailure } = health;
  return {
    ...standingView(health),
    url,
    consecutive_failures: consecutiveFailures,
    samples,
    response_ms: responseMs === null ? null : rounded(responseMs),
    success_rate: successRate === null ? null : rounded(successRate),
    last_check: lastCheck && {
      at: timeText(lastCheck.at),
      status: lastCheck.status,
      answered: lastCheck.answered,
      http_status: lastCheck.httpStatus,
      duration_ms: rounded(lastCheck.durationMs),
      reason: lastCheck.reason,
      proxy_error: lastCheck.proxyError,
      detail: lastCheck.detail,
    },
    last_failure: lastFailure && {
      at: timeText(lastFailure.at),
      reason: lastFailure.reason,
      http_status: lastFailure.status,
      detail: lastFailure.detail,
    },
  };
}

function rounded(amount: number): number {
  return Math.round(amount * 1000) / 1000;
}
