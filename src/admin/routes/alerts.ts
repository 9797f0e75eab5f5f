import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { HTTPException } from "hono/http-exception";
import { timeText } from "../../core/event.record.ts";
import { parseDuration } from "../../manifest/units.ts";
import { alertRuleSchema, alertRulesSchema, alertRulesView, alertSchema, alertView, isSilenced } from "../alerts.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { pageOf } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, listSchema, nameSchema, pageQuerySchema } from "../wire.ts";

const tags = ["alerts"];

/** A rule and what it is about: names, that of an upstream last, which may be its authority. */
const alertIdSchema = z
  .string()
  .regex(/^[\w.:[\]-]{1,512}$/, "an id as the list shows it")
  .openapi({ example: "low-success:quiz:winner_selection" });
const params = z.object({ id: alertIdSchema });
const NOT_THERE = errorResponse("There is no such alert.");
const AWAY = errorResponse("The history does not answer, so rules can't be kept.");

const listRoute = createRoute({
  method: "get",
  path: "/alerts",
  operationId: "listAlerts",
  summary: "What fires, and what was over lately",
  tags,
  request: {
    query: pageQuerySchema.extend({
      state: z.enum(["pending", "firing", "resolved", "silenced"]).optional().openapi({
        description: "Without it those that fire or were over lately; `pending` ones are shown when asked for.",
      }),
      app: nameSchema.optional(),
      rule: nameSchema.optional(),
    }),
  },
  responses: { 200: jsonResponse(listSchema(alertSchema), "By id."), ...COMMON_ERRORS },
});

const rulesRoute = createRoute({
  method: "get",
  path: "/alerts/rules",
  operationId: "showAlertRules",
  summary: "The rules in force, and where they come from",
  tags,
  responses: { 200: jsonResponse(alertRulesSchema, "In the manifest's form."), ...COMMON_ERRORS },
});

const setRoute = createRoute({
  method: "put",
  path: "/alerts/rules",
  operationId: "setAlertRules",
  summary: "Put rules in place of the manifest's",
  description:
    "All of them at once. They are checked now, and kept through reloads and restarts until they are deleted. An alert of a rule that is gone is over, and no event says so.",
  tags,
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.strictObject({ rules: z.array(alertRuleSchema).max(1000) }).openapi("SetAlertRules"),
        },
      },
    },
  },
  responses: { 200: jsonResponse(alertRulesSchema, "In force."), ...COMMON_ERRORS, 503: AWAY },
});

const resetRoute = createRoute({
  method: "delete",
  path: "/alerts/rules",
  operationId: "resetAlertRules",
  summary: "Go back to the manifest's rules",
  tags,
  responses: { 200: jsonResponse(alertRulesSchema, "The manifest's are in force."), ...COMMON_ERRORS, 503: AWAY },
});

const silenceRoute = createRoute({
  method: "post",
  path: "/alerts/{id}/silence",
  operationId: "silenceAlert",
  summary: "Say nothing of an alert for a while",
  description: "No event says that it fires or is over, also when it begins anew meanwhile. It is shown all the same.",
  tags,
  request: {
    params,
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({
              for: z
                .union([z.string(), z.number()])
                .openapi({ example: "2h", description: "From 1s to 30d, as in `30m`, or milliseconds." }),
              reason: z.string().min(1).max(500).optional(),
            })
            .openapi("SilenceRequest"),
        },
      },
    },
  },
  responses: { 200: jsonResponse(alertSchema, "Silenced."), ...COMMON_ERRORS, 404: NOT_THERE },
});

const unsilenceRoute = createRoute({
  method: "post",
  path: "/alerts/{id}/unsilence",
  operationId: "unsilenceAlert",
  summary: "Speak of an alert again",
  tags,
  request: { params },
  responses: {
    200: jsonResponse(alertSchema, "If it fires, the next check says so, no sooner than `repeat_every` allows."),
    ...COMMON_ERRORS,
    404: NOT_THERE,
    409: errorResponse("It is not silenced."),
  },
});

export function alertRoutes({ alerts, audit, clock }: AdminServices) {
  const changed = (action: string, by: string, target: string, detail: string): void =>
    audit.add({ at: clock.wall(), by, action, target, detail });

  return new OpenAPIHono<AdminEnv>()
    .openapi(listRoute, (c) => {
      const { state, app, rule, ...page } = c.req.valid("query");
      const now = clock.wall();
      const found = alerts.list().filter((alert) => {
        if ((app ?? alert.app) !== alert.app || (rule ?? alert.rule) !== alert.rule) return false;
        if (state === "silenced") return isSilenced(alert, now);
        return state === undefined ? alert.phase !== "pending" : alert.phase === state;
      });
      const { items, next } = pageOf(found, ({ id }) => id, page);
      return c.json({ items: items.map((alert) => alertView(alert, now)), next }, 200);
    })
    .openapi(rulesRoute, (c) => c.json(alertRulesView(alerts.rules()), 200))
    .openapi(setRoute, async (c) => {
      const { rules } = c.req.valid("json");
      const { name } = c.get("who");
      const issues = await kept(alerts.setRules(rules, name));
      if (issues.length > 0) throw wrongRules(issues);
      changed("alerts.rules", name, "alerts", `${rules.length} in place of the manifest's`);
      return c.json(alertRulesView(alerts.rules()), 200);
    })
    .openapi(resetRoute, async (c) => {
      const { name } = c.get("who");
      if (await kept(alerts.resetRules())) changed("alerts.rules", name, "alerts", "back to the manifest's");
      return c.json(alertRulesView(alerts.rules()), 200);
    })
    .openapi(silenceRoute, (c) => {
      const { id } = c.req.valid("param");
      const { for: span, reason = null } = c.req.valid("json");
      const { name } = c.get("who");
      const now = clock.wall();
      const silenced = alerts.silence(id, { until: now + spanOf(span), by: name, reason });
      if (silenced === null) throw noAlert(id);
      const until = timeText(silenced.silence?.until ?? now);
      changed("alert.silence", name, id, `until ${until}${reason === null ? "" : `: ${reason}`}`);
      return c.json(alertView(silenced, now), 200);
    })
    .openapi(unsilenceRoute, (c) => {
      const { id } = c.req.valid("param");
      const { name } = c.get("who");
      const now = clock.wall();
      const alert = alerts.find(id);
      if (alert === null) throw noAlert(id);
      if (!isSilenced(alert, now)) throw refusal(409, "not-silenced", "Not silenced", `${id} is not silenced`);
      changed("alert.unsilence", name, id, `was silenced by ${alert.silence?.by}`);
      return c.json(alertView(alerts.silence(id, null) ?? alert, now), 200);
    });
}

const MIN_SPAN_MS = 1000;
const MAX_SPAN_MS = 30 * 86_400_000;

function spanOf(written: string | number): number {
  const ms = parseDuration(written);
  if (ms !== null && ms >= MIN_SPAN_MS && ms <= MAX_SPAN_MS) return ms;
  throw badBody([{ path: "body.for", message: "expected a duration from 1s to 30d, such as 30m, or milliseconds" }]);
}

function wrongRules(issues: Awaited<ReturnType<AdminServices["alerts"]["setRules"]>>): HTTPException {
  return badBody(
    issues.slice(0, 100).map(({ path, message }) => ({
      path: ["body", "rules", ...path].map(String).join("."),
      message: message.slice(0, 500),
    })),
  );
}

function badBody(issues: readonly { readonly path: string; readonly message: string }[]): HTTPException {
  return refusal(400, "bad-request", "The request is not as it should be", "issues says where", { issues });
}

function noAlert(id: string): HTTPException {
  return refusal(404, "no-alert", "No such alert", `there is no ${id} among those that fire or were over lately`);
}

async function kept<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch {
    throw refusal(503, "history-away", "The history does not answer", "nothing was changed; ask again in a while");
  }
}
