import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { problem } from "../../core/problem.ts";
import { type AdminEnv, problemResponse, refusal } from "../env.ts";
import { type BadLine, type ImportedJob, importedLines } from "../jobs.import.ts";
import { type AdminServices, DeliveriesAway, type DeliveryService } from "../services.ts";
import { errorResponse, jsonResponse, SPOOL_ERRORS } from "../wire.ts";
import { NDJSON } from "./dlq.export.ts";

/** So many are put at once, and share a commit. */
const AT_ONCE = 100;
/** Enough to see what is wrong with a file. */
const NAMED_LINES = 20;

export const importResultSchema = z
  .object({
    imported: z.int(),
    known: z.int().openapi({ description: "Whose id was there already: left as it is." }),
    without_secrets: z.int().openapi({
      description: "Of all lines, how many were exported without their secrets: they are sent without them.",
    }),
  })
  .openapi("ImportResult");

const importRoute = createRoute({
  method: "post",
  path: "/dlq/import",
  operationId: "importDeadLetters",
  summary: "Put exported jobs into the dead-letter queue, under the ids they had",
  description:
    "All lines are looked at first: where one is bad none is imported. At most 64 MiB at once. Where the spool goes away meanwhile, the 503 says how many were `imported` and `known`, and which `lines` were not; lines behind these were not tried.",
  tags: ["dlq"],
  request: {
    query: z.object({
      first_line: z.coerce
        .number()
        .int()
        .min(1)
        .max(Number.MAX_SAFE_INTEGER)
        .default(1)
        .openapi({ description: "The number of the first line, where this is a part of a file." }),
    }),
    body: { required: true, content: { [NDJSON]: { schema: z.string() } } },
  },
  responses: {
    200: jsonResponse(importResultSchema, "Kept."),
    ...SPOOL_ERRORS,
    413: errorResponse("Too large: send it in parts."),
    422: errorResponse("Some lines are no exported jobs; `lines` names the first of them. Nothing was imported."),
  },
});

export function dlqImportRoutes({ deliveries, audit, clock }: AdminServices) {
  return new OpenAPIHono<AdminEnv>().openapi(importRoute, async (c) => {
    const { jobs, withoutSecrets, bad } = await importedLines(await c.req.text(), c.req.valid("query").first_line);
    if (bad.length > 0) throw badLines(bad);
    const tally = { imported: 0, known: 0 };
    let failed: readonly BadLine[] = [];
    try {
      failed = await importAll(deliveries, jobs, tally);
    } finally {
      const detail = `${tally.imported} imported, ${tally.known} known`;
      const by = c.get("who").name;
      if (tally.imported > 0) audit.add({ at: clock.wall(), by, action: "dlq.import", target: "dlq", detail });
    }
    if (failed.length > 0) throw brokeOff(failed, tally);
    return c.json({ ...tally, without_secrets: withoutSecrets }, 200);
  });
}

interface Tally {
  imported: number;
  known: number;
}

/**
 * Counts in `tally` as it goes. Ends where the spool goes away, with the lines that it did not take: what came before
 * stays imported.
 */
async function importAll(
  deliveries: DeliveryService,
  jobs: readonly ImportedJob[],
  tally: Tally,
): Promise<readonly BadLine[]> {
  for (let i = 0; i < jobs.length; i += AT_ONCE) {
    const part = jobs.slice(i, i + AT_ONCE);
    const done = await Promise.allSettled(part.map(({ job }) => deliveries.import(job)));
    const failed: BadLine[] = [];
    for (const [n, end] of done.entries()) {
      if (end.status === "rejected" && !(end.reason instanceof DeliveriesAway)) throw end.reason;
      if (end.status === "rejected") failed.push({ line: part[n]?.line ?? 0, message: end.reason.message });
      else if (end.value) tally.imported++;
      else tally.known++;
    }
    if (failed.length > 0) return failed;
  }
  return [];
}

function brokeOff(failed: readonly BadLine[], tally: Tally): HTTPException {
  const [first] = failed;
  const detail = `line ${first?.line}: ${first?.message}; of this part ${tally.imported} were imported and ${tally.known} there already, and may be sent again`;
  const more = { ...tally, count: failed.length, lines: failed.slice(0, NAMED_LINES) };
  const body = problem(503, "spool-away", "The spool does not answer", detail, more);
  return new HTTPException(undefined, { res: problemResponse(body, { "Retry-After": "2" }) });
}

function badLines(bad: readonly BadLine[]): Error {
  const [first] = bad;
  const more = bad.length > 1 ? `, and ${bad.length - 1} more like it` : "";
  const detail = `line ${first?.line}: ${first?.message}${more}; none of these lines was imported`;
  return refusal(422, "bad-lines", "Not an export", detail, { count: bad.length, lines: bad.slice(0, NAMED_LINES) });
}
