import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { isFieldValue, isToken } from "../../core/headers.ts";
import { type AdminEnv, refusal } from "../env.ts";
import type { ExplanationInfo } from "../services.explain.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse } from "../wire.ts";

const requestSchema = z
  .strictObject({
    method: z.string().refine(isToken, "a method").default("POST"),
    path: z.string().max(8192).startsWith("/", "a path, as in /quiz/winner_selection"),
    headers: z
      .record(z.string().refine(isToken, "a header name"), z.string().refine(isFieldValue, "a header value"))
      .default({})
      .openapi({ description: "Those that routes may match on, `Host` among them." }),
  })
  .openapi("ExplainRequest");

const explanationSchema = z
  .object({
    route: z.string(),
    values: z.array(
      z.object({
        path: z.string().openapi({ example: "retry.attempts" }),
        value: z.unknown(),
        origin: z.string().openapi({ description: "`file:line`, a variable's name, or `built-in`." }),
      }),
    ),
    timeline: z.object({
      tries: z.array(
        z.object({ attempt: z.int(), starts_at_ms: z.number(), up_to_ms: z.number(), wait_ms: z.number() }),
      ),
      tries_end_ms: z.number(),
      answered_by_ms: z.number().nullable(),
      note: z.string().nullable(),
    }),
  })
  .openapi("Explanation");

const explainRoute = createRoute({
  method: "post",
  path: "/explain",
  operationId: "explain",
  summary: "Which route would answer a request, and what would happen at worst",
  description: "Changes nothing and sends nothing: a viewer may ask.",
  tags: ["manifest"],
  request: { body: { required: true, content: { "application/json": { schema: requestSchema } } } },
  responses: {
    200: jsonResponse(explanationSchema, "The route, each effective value and where it was set."),
    ...COMMON_ERRORS,
    404: errorResponse("No route answers there, or none with that method."),
  },
});

export function explainRoutes({ manifest }: AdminServices) {
  return new OpenAPIHono<AdminEnv>().openapi(explainRoute, (c) => {
    const { method, path, headers } = c.req.valid("json");
    const target = path.replace(/\?.*/s, "");
    const result = manifest.explain({
      method: method.toUpperCase(),
      path: target,
      headers: Object.entries(headers).flat(),
    });
    if (result.kind === "none") throw refusal(404, "no-route", "No such route", `nothing answers at ${target}`);
    if (result.kind === "method")
      throw refusal(404, "no-route", "Not with this method", `${target} takes ${result.allow.join(", ")}`);
    return c.json(explanationView(result.explanation), 200);
  });
}

function explanationView({ route, values, timeline }: ExplanationInfo): z.infer<typeof explanationSchema> {
  return {
    route,
    values: values.map(({ path, value, origin }) => ({ path, value, origin })),
    timeline: {
      tries: timeline.tries.map((one) => ({
        attempt: one.attempt,
        starts_at_ms: one.startsAtMs,
        up_to_ms: one.upToMs,
        wait_ms: one.waitMs,
      })),
      tries_end_ms: timeline.triesEndMs,
      answered_by_ms: timeline.answeredByMs,
      note: timeline.note,
    },
  };
}
