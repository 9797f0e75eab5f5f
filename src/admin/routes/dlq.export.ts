import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { JobFilter, JobSummary } from "../../core/job.ts";
import type { Page } from "../../core/stored.ts";
import { PART } from "../bulk.ts";
import { download } from "../download.ts";
import { type AdminEnv, operatorsOnly } from "../env.ts";
import { DEAD_STATES, deadFilter, filterOf, filterText } from "../jobs.filter.ts";
import { jobView } from "../jobs.ts";
import type { AdminServices, DeliveryService } from "../services.ts";
import { SPOOL_ERRORS } from "../wire.ts";

/** Newline-delimited JSON: one job a line. No literal type, which would be taken for one JSON document. */
export const NDJSON: string = "application/x-ndjson";

const exportRoute = createRoute({
  method: "get",
  path: "/dlq/export",
  operationId: "exportDeadLetters",
  summary: "The dead-letter queue as lines of JSON, for operators",
  description:
    "A `Delivery` a line, newest first, all bodies in base64. What fails on the way breaks the connection. Without " +
    "`secrets` credentials and signatures are `***`, and an import delivers without them.",
  tags: ["dlq"],
  request: {
    query: z.object({
      ...deadFilter,
      secrets: z
        .enum(["true", "false"])
        .default("false")
        .openapi({ description: "Keep Authorization, Cookie and signatures as they were." }),
    }),
  },
  responses: {
    200: { description: "A line for each.", content: { [NDJSON]: { schema: z.string() } } },
    ...SPOOL_ERRORS,
  },
});

export function dlqExportRoutes({ deliveries, audit, clock, onError }: AdminServices) {
  return new OpenAPIHono<AdminEnv>().openapi(exportRoute, async (c) => {
    const { secrets, ...given } = c.req.valid("query");
    const who = c.get("who");
    operatorsOnly(who, "payloads");
    const filter = filterOf(given, DEAD_STATES);
    // Asked before the head is sent: a spool that is away is a 503, and no broken connection.
    const first = await deliveries.list({ filter, limit: PART, cursor: null });
    const keep = secrets === "true";
    const detail = `${filterText(given)}, ${keep ? "with" : "without"} secrets`;
    audit.add({ at: clock.wall(), by: who.name, action: "dlq.export", target: "dlq", detail });
    const lines = exportedLines(deliveries, filter, first, keep);
    return download(c, clock, { "Content-Type": NDJSON }, lines, onError);
  });
}

async function* exportedLines(
  deliveries: DeliveryService,
  filter: JobFilter,
  first: Page<JobSummary>,
  secrets: boolean,
): AsyncGenerator<string> {
  let page = first;
  for (;;) {
    for (const { id } of page.items) {
      const job = await deliveries.find(id);
      // One that was retried or deleted meanwhile is not dead, and one without its payload could not be imported.
      if (job === null || job.request === null || !DEAD_STATES.some((state) => state === job.state)) continue;
      yield `${JSON.stringify(jobView(job, { payload: true, secrets, base64: true }))}\n`;
    }
    if (page.next === null) return;
    page = await deliveries.list({ filter, limit: PART, cursor: page.next });
  }
}
