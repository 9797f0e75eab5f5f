import { z } from "@hono/zod-openapi";
import { ALERT_METRIC_NAMES, ALERT_METRICS, type Alert } from "../core/alert.ts";
import { timeText } from "../core/event.record.ts";
import type { AlertRulesInfo } from "./services.alerts.ts";
import { timeSchema } from "./wire.ts";

/** Alerts and their rules as the API shows them. */

const about = z.string().nullable();
const metricSchema = z.enum(ALERT_METRIC_NAMES as readonly [string, ...string[]]);

export const alertSchema = z
  .object({
    id: z.string().openapi({ example: "low-success:quiz:winner_selection" }),
    rule: z.string(),
    metric: metricSchema,
    state: z.enum(["pending", "firing", "resolved"]).openapi({
      description: "`pending`: not yet for as long as its rule asks. `resolved`: over, and shown for a day.",
    }),
    app: about.openapi({ description: "What it is about; null for what is about no single one." }),
    capability: about,
    upstream: about,
    value: z.number().openapi({ description: "As measured when something last could be said …" }),
    threshold: z.number().openapi({ description: "… beside the bound of the rule." }),
    unit: z.enum(["percent", "ms", "count"]),
    summary: z.string(),
    since: timeSchema.openapi({ description: "When the trouble began." }),
    fired_at: timeSchema.nullable(),
    resolved_at: timeSchema.nullable(),
    cause: z.enum(["recovered", "too_few_samples", "gone"]).nullable().openapi({
      description: "Why it is over: well again, nothing measured any more, or its rule, app or route is gone.",
    }),
    told_at: timeSchema.nullable().openapi({ description: "When an event last said that it fires." }),
    silence: z
      .object({ until: timeSchema, by: z.string(), reason: z.string().nullable() })
      .nullable()
      .openapi({ description: "No event says anything of it until then." }),
  })
  .openapi("Alert", { description: "One rule about one subject." });
export type AlertView = z.infer<typeof alertSchema>;

export function alertView(alert: Alert, now: number): AlertView {
  const { id, rule, metric, phase, app, capability, upstream, value, threshold, summary, cause } = alert;
  const { unit } = ALERT_METRICS[metric];
  return {
    ...{ id, rule, metric, state: phase, app, capability, upstream, value, threshold, unit, summary },
    since: timeText(alert.since),
    fired_at: timeOrNull(alert.firedAt),
    resolved_at: timeOrNull(alert.resolvedAt),
    cause,
    told_at: timeOrNull(alert.toldAt),
    silence: isSilenced(alert, now) ? { ...alert.silence, until: timeText(alert.silence.until) } : null,
  };
}

export function isSilenced(alert: Alert, now: number): alert is Alert & { readonly silence: object } {
  return alert.silence !== null && alert.silence.until > now;
}

const timeOrNull = (at: number | null): string | null => (at === null ? null : timeText(at));

const duration = z.union([z.number(), z.string()]);
const names = z.array(z.string());

/** Its values are judged by the manifest's own schema, which says more of what is wrong. */
export const alertRuleSchema = z
  .looseObject({
    name: z.string(),
    metric: z.string().openapi({ enum: [...ALERT_METRIC_NAMES] }),
    below: duration.optional().openapi({ description: "Trouble is what is less: a number, or a duration for times." }),
    above: duration.optional().openapi({ description: "Trouble is what is more." }),
    over: duration.optional().openapi({ description: "The time measured, as in `1h`." }),
    for: duration.optional().openapi({ description: "How long it must hold." }),
    min_samples: z.int().optional(),
    apps: names.optional(),
    capabilities: names.optional(),
  })
  .openapi("AlertRule", { description: "As in `alerts.rules` of the manifest." });

export const alertRulesSchema = z
  .object({
    source: z.enum(["manifest", "api"]).openapi({ description: "Where the rules in force come from." }),
    set_by: z.string().nullable().openapi({ description: "Whose token set them in place of the manifest's." }),
    set_at: timeSchema.nullable(),
    interval: z.string().openapi({ example: "5m", description: "Of the manifest." }),
    repeat_every: z.string().openapi({ example: "1h", description: "Of the manifest." }),
    rules: z.array(alertRuleSchema),
  })
  .openapi("AlertRules");
export type AlertRulesView = z.infer<typeof alertRulesSchema>;

export function alertRulesView({ set, interval, repeatEvery, rules }: AlertRulesInfo): AlertRulesView {
  return {
    source: set === null ? "manifest" : "api",
    set_by: set?.by ?? null,
    set_at: timeOrNull(set?.at ?? null),
    interval,
    repeat_every: repeatEvery,
    rules: rules.map(({ apps, capabilities, ...rule }) => ({
      ...rule,
      ...(apps !== undefined && { apps: [...apps] }),
      ...(capabilities !== undefined && { capabilities: [...capabilities] }),
    })),
  };
}
