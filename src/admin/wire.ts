import { z } from "@hono/zod-openapi";

/** The shapes of the API that several resources share, as schemas: they validate, type and document it. */

export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name of letters, digits, dots, dashes and underscores")
  .openapi({ example: "quiz" });

/** Of a delivery. */
export const idSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, "an id as the lists show it")
  .openapi({ example: "019b76da-a800-7000-8000-000000000001" });

/** RFC 3339 in UTC. */
export const timeSchema = z.string().openapi({ format: "date-time", example: "2026-01-01T00:00:00.000Z" });

const problemSchema = z
  .object({
    type: z.string().openapi({ example: "urn:outrigger:problem:not-found" }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    issues: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: "Where a request was refused for its form: every part that is wrong." }),
  })
  .openapi("Problem", { description: "An error (RFC 9457)." });

export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100).openapi({ description: "How many at most." }),
  cursor: z.string().max(512).optional().openapi({ description: "The `next` of the part before." }),
});
export type PageQuery = z.infer<typeof pageQuerySchema>;

/** `{items, next}`: a list in parts. */
export function listSchema<T extends z.ZodType>(items: T) {
  return z.object({
    items: z.array(items),
    next: z.string().nullable().openapi({ description: "The cursor of the next part; null at the end." }),
  });
}

const problemContent = { "application/problem+json": { schema: problemSchema } };

/** The errors every endpoint behind the token can answer with. */
export const COMMON_ERRORS = {
  400: { description: "The request's form is wrong; `issues` says where.", content: problemContent },
  401: { description: "No token, or one that is not known.", content: problemContent },
  403: { description: "The token may only read, or the page is of another origin.", content: problemContent },
  421: { description: "`Host` is no name of this listener.", content: problemContent },
  429: { description: "Too many wrong tokens from this address.", content: problemContent },
} as const;

/** The same where the spool is asked. */
export const SPOOL_ERRORS = {
  ...COMMON_ERRORS,
  503: { description: "The spool does not answer; `Retry-After` says when to ask again.", content: problemContent },
} as const;

/** One more error of an endpoint, beside {@link COMMON_ERRORS}. */
export function errorResponse(description: string) {
  return { description, content: problemContent };
}

/** A good answer in JSON. */
export function jsonResponse<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } };
}
