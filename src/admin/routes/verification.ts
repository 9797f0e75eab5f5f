import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { VerificationRates, Verified } from "../../core/stored.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { pageOf } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, listSchema, nameSchema, pageQuerySchema } from "../wire.ts";

const countsSchema = z
  .object({
    verified: z.int(),
    failed: z.int(),
    unverified: z.int().openapi({ description: "Good answers that could not be asked about, or were not any more." }),
    rate: z.number().nullable().openapi({ description: "Percent of them all that were verified; null for none." }),
  })
  .openapi("VerificationCounts");

const verificationSchema = z
  .object({
    app: z.string(),
    capability: z.string(),
    windows: z
      .object({ "1h": countsSchema, "24h": countsSchema, "7d": countsSchema })
      .openapi({ description: "Whole hours: the one that runs, and so many before it." }),
  })
  .openapi("Verification", { description: "What the good answers of one route proved to be." });
type VerificationView = z.infer<typeof verificationSchema>;

const listRoute = createRoute({
  method: "get",
  path: "/verification",
  operationId: "listVerification",
  summary: "What good answers proved to be, by route and window",
  tags: ["deliveries"],
  request: { query: pageQuerySchema.extend({ app: nameSchema.optional(), capability: nameSchema.optional() }) },
  responses: {
    200: jsonResponse(listSchema(verificationSchema), "Routes that verified something in the last week, by name."),
    ...COMMON_ERRORS,
    503: errorResponse("The history does not answer."),
  },
});

export function verificationRoutes({ verification }: AdminServices) {
  return new OpenAPIHono<AdminEnv>().openapi(listRoute, async (c) => {
    const { app, capability, ...page } = c.req.valid("query");
    const all = (await known(verification))
      .filter((one) => (app === undefined || one.app === app) && (capability ?? one.capability) === one.capability)
      .map(view);
    return c.json(
      pageOf(all, (one) => `${one.app}/${one.capability}`, page),
      200,
    );
  });
}

async function known(verification: AdminServices["verification"]): Promise<readonly VerificationRates[]> {
  try {
    return await verification();
  } catch {
    throw refusal(503, "history-away", "The history does not answer", "ask again in a while");
  }
}

function view({ app, capability, windows }: VerificationRates): VerificationView {
  return {
    app,
    capability,
    windows: { "1h": counts(windows["1h"]), "24h": counts(windows["24h"]), "7d": counts(windows["7d"]) },
  };
}

function counts({ verified, failed, unverified }: Verified): VerificationView["windows"]["1h"] {
  const all = verified + failed + unverified;
  return { verified, failed, unverified, rate: all === 0 ? null : Math.round((verified * 10_000) / all) / 100 };
}
