import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import type { JSONValue } from "hono/utils/types";
import { timeText } from "../../core/event.record.ts";
import { type AdminEnv, refusal } from "../env.ts";
import { numberCursor } from "../page.ts";
import type { AdminServices } from "../services.ts";
import { COMMON_ERRORS, errorResponse, jsonResponse, listSchema, pageQuerySchema, timeSchema } from "../wire.ts";
import { foreignCursor } from "./audit.ts";

const tags = ["manifest"];

const manifestProblemSchema = z
  .object({
    file: z.string().openapi({ description: "Empty for an environment variable." }),
    line: z.int(),
    col: z.int(),
    path: z.string().openapi({ example: "apps.quiz.webhooks.winner_selection.timeout" }),
    message: z.string(),
    severity: z.enum(["error", "warning"]),
  })
  .openapi("ManifestProblem");

const currentSchema = z
  .object({
    revision: z.int(),
    hash: z.string(),
    applied_at: timeSchema,
    by: z.string(),
    warnings: z.array(manifestProblemSchema),
    manifest: z.unknown().openapi({ description: "All defaults filled, secrets as `***`." }),
  })
  .openapi("CurrentManifest");

const revisionSchema = z
  .object({
    revision: z.int(),
    hash: z.string(),
    at: timeSchema,
    by: z.string().openapi({ description: "`start`, `signal`, `file`, or the name of a token." }),
    files: z.int(),
    bytes: z.int(),
  })
  .openapi("ManifestRevision");

const revisionManifestSchema = z
  .object({
    revision: z.int(),
    manifest: z.unknown().openapi({ description: "All defaults filled, secrets as `***`." }),
  })
  .openapi("ManifestOfRevision");

const currentRoute = createRoute({
  method: "get",
  path: "/manifest",
  operationId: "showManifest",
  summary: "The manifest that runs",
  tags,
  responses: { 200: jsonResponse(currentSchema, "As resolved."), ...COMMON_ERRORS },
});

const validateRoute = createRoute({
  method: "post",
  path: "/manifest/validate",
  operationId: "validateManifest",
  summary: "Check a manifest without applying it",
  description: "For operators only: a manifest may name files and variables of the machine it is checked on.",
  tags,
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({
              text: z.string().openapi({ description: "The YAML, as if it stood in the running file." }),
            })
            .openapi("ValidateRequest"),
        },
      },
    },
  },
  responses: {
    200: jsonResponse(
      z.object({ ok: z.boolean(), problems: z.array(manifestProblemSchema) }).openapi("Validation"),
      "What was found: `ok` if it could be applied.",
    ),
    ...COMMON_ERRORS,
    413: errorResponse("The text is too large."),
  },
});

const reloadRoute = createRoute({
  method: "post",
  path: "/manifest/reload",
  operationId: "reloadManifest",
  summary: "Read the manifest's file again and apply it",
  tags,
  responses: {
    200: jsonResponse(z.object({ revision: z.int() }).openapi("Reload"), "Applied."),
    ...COMMON_ERRORS,
    422: errorResponse("Refused; the running manifest stays. `problems` says why, a line each."),
  },
});

const revisionsRoute = createRoute({
  method: "get",
  path: "/manifest/revisions",
  operationId: "listManifestRevisions",
  summary: "Every manifest that was applied",
  tags,
  request: { query: pageQuerySchema },
  responses: { 200: jsonResponse(listSchema(revisionSchema), "Newest first."), ...COMMON_ERRORS },
});

const revisionRoute = createRoute({
  method: "get",
  path: "/manifest/revisions/{revision}",
  operationId: "showManifestRevision",
  summary: "What one of them resolved to",
  description: "Two of them side by side say what a reload changed.",
  tags,
  request: { params: z.object({ revision: z.coerce.number().int().min(1).openapi({ type: "integer" }) }) },
  responses: {
    200: jsonResponse(revisionManifestSchema, "As it was resolved then."),
    ...COMMON_ERRORS,
    404: errorResponse("There was no such revision, or it is no longer kept."),
  },
});

export function manifestRoutes({ manifest, audit, clock }: AdminServices) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(currentRoute, async (c) => {
      const { appliedAt, warnings, manifest: masked, ...rest } = manifest.current();
      const about: Omit<z.infer<typeof currentSchema>, "manifest"> = {
        ...rest,
        applied_at: timeText(appliedAt),
        warnings: [...warnings],
      };
      return withManifest(c, about, await masked());
    })
    .openapi(validateRoute, async (c) => {
      const problems = await manifest.validate(c.req.valid("json").text);
      return c.json({ ok: problems.every(({ severity }) => severity !== "error"), problems: [...problems] }, 200);
    })
    .openapi(reloadRoute, async (c) => {
      const { name } = c.get("who");
      const result = await manifest.reload(name);
      const detail = result.ok ? `revision ${result.value.revision}` : refusedText(result.error.length);
      audit.add({ at: clock.wall(), by: name, action: "manifest.reload", target: "manifest", detail });
      if (result.ok) return c.json({ revision: result.value.revision }, 200);
      throw refusal(422, "manifest-refused", "The manifest was refused", "the one that runs stays in force", {
        problems: result.error,
      });
    })
    .openapi(revisionsRoute, async (c) => {
      const { limit, cursor } = c.req.valid("query");
      const before = numberCursor(cursor);
      if (before === undefined) throw foreignCursor();
      const { items, next } = await manifest.revisions({ limit, cursor: before });
      const views = items.map(({ revision, hash, at, by, files, bytes }) => ({
        revision,
        hash,
        at: timeText(at),
        by,
        files,
        bytes,
      }));
      return c.json({ items: views, next: next === null ? null : String(next) }, 200);
    })
    .openapi(revisionRoute, async (c) => {
      const { revision } = c.req.valid("param");
      const text = await manifest.revision(revision);
      if (text === null)
        throw refusal(404, "no-revision", "No such revision", `there was no ${revision}, or it is no longer kept`);
      return withManifest(c, { revision }, text);
    });
}

/** The manifest of ten thousand routes is ten megabytes of JSON: to read and write it anew would hold up the calls. */
function withManifest<T extends object>(c: Context<AdminEnv>, about: T, manifest: string): WithManifest<T> {
  const text = `${JSON.stringify(about).slice(0, -1)},"manifest":${manifest}}`;
  return c.body(text, 200, { "Content-Type": "application/json" }) as unknown as WithManifest<T>;
}

type WithManifest<T> = TypedResponse<T & { manifest: JSONValue }, 200, "json">;

function refusedText(problems: number): string {
  return `refused: ${problems} problem${problems === 1 ? "" : "s"}`;
}
