import { setImmediate as turn } from "node:timers/promises";
import { z } from "@hono/zod-openapi";
import { isFieldValue, isToken, type RawHeaders } from "../core/headers.ts";
import { isRequestId } from "../core/ids.ts";
import { DEAD_REASONS, type StoredJob, type TryRecord } from "../core/job.ts";
import { REASONS } from "../core/outcome.ts";
import { REDACTED } from "../core/redact.ts";
import { ENCODINGS, WORTHS } from "./jobs.ts";
import { nameSchema } from "./wire.ts";

/** Lines of an export, read back. What is sent later is checked as strictly as what comes from a caller. */

export interface ImportedLines {
  readonly jobs: readonly ImportedJob[];
  /** How many of them lost secrets when they were exported: they are sent without those. */
  readonly withoutSecrets: number;
  readonly bad: readonly BadLine[];
}

export interface ImportedJob {
  readonly line: number;
  readonly job: StoredJob;
}

export interface BadLine {
  readonly line: number;
  readonly message: string;
}

/** The newest of them are kept. */
const MAX_TRIES = 1_000;

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const requestId = z.string().refine(isRequestId, "not an id");
const count = z.int().min(0).max(1_000_000);
const detail = z.string().max(4_096).nullable().default(null);
const body = {
  body: z.string().nullable().default(null),
  body_encoding: z.enum(ENCODINGS).nullable().default("base64"),
};
const headers = z.array(
  z.object({
    name: z.string().refine(isToken, "not a header name"),
    value: z.string().refine(isFieldValue, "not a header value"),
  }),
);

const lineSchema = z.object({
  id: requestId,
  app: nameSchema,
  capability: nameSchema,
  reason: z.enum(DEAD_REASONS),
  detail,
  request_id: requestId,
  at: instant,
  ended_at: instant.nullable().default(null),
  expires_at: instant,
  attempts: count.default(0),
  sends: count.default(0),
  request: z.object({
    method: z.string().max(64).refine(isToken, "not a method"),
    rest: z
      .string()
      .max(65_536)
      .regex(/^(?:[/?][\x21\x22\x24-\x7e]*)?$/, "neither empty nor the rest of a target"),
    target: z.string().regex(/^[\x21\x22\x24-\x7e]{0,65536}$/, "not a path"),
    host: z.string().regex(/^[\x21-\x7e]{0,260}$/, "not a host"),
    http_version: z.enum(["1.0", "1.1"]).default("1.1"),
    peer: z.string().max(64).default(""),
    secure: z.boolean().default(false),
    headers,
  }),
  ...body,
  body: z.string(),
  order_key: z.string().max(4_096).nullable().default(null),
  in_doubt: z.boolean().default(false),
  tries: z
    .array(
      z.object({
        n: count,
        at: instant,
        upstream: z.string().max(64),
        worth: z.enum(WORTHS),
        reason: z.enum(REASONS).nullable(),
        status: z.int().min(0).max(999),
        duration_ms: z.number().min(0),
        detail,
        headers: headers.nullable().default(null),
        ...body,
        body_bytes: z.int().min(0).nullable().default(null),
      }),
    )
    .default([])
    .transform((tries) => tries.slice(-MAX_TRIES)),
});
type Line = z.infer<typeof lineSchema>;

/** Of text, looked at before others have their turn: an import must not hold up the loop that all requests share. */
const SLICE_CHARS = 64 * 1024;

/** Empty lines count, and are no jobs. `first` is the number of the first line. */
export async function importedLines(text: string, first: number): Promise<ImportedLines> {
  const jobs: ImportedJob[] = [];
  const bad: BadLine[] = [];
  let withoutSecrets = 0;
  let slice = 0;
  let number = first;
  for (let at = 0; at <= text.length; number++) {
    const end = text.indexOf("\n", at);
    const line = text.slice(at, end === -1 ? text.length : end);
    at += line.length + 1;
    slice += line.length + 1;
    if (slice >= SLICE_CHARS) {
      await turn();
      slice = 0;
    }
    if (line.trim() === "") continue;
    const read = readLine(line);
    if (typeof read === "string") {
      bad.push({ line: number, message: read });
      continue;
    }
    if (hasRedacted(read)) withoutSecrets++;
    jobs.push({ line: number, job: jobOf(read) });
  }
  return { jobs, withoutSecrets, bad };
}

/** The line, or what is wrong with it. */
function readLine(text: string): Line | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "no JSON";
  }
  const parsed = lineSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "not a job"}`.slice(0, 300);
}

function jobOf(line: Line): StoredJob {
  const { request, at } = line;
  const bytes = bytesOf(line.body, line.body_encoding);
  return {
    id: line.id,
    app: line.app,
    capability: line.capability,
    state: line.reason === "cancelled" ? "cancelled" : "dead",
    reason: line.reason,
    detail: line.detail,
    requestId: line.request_id,
    at,
    endedAt: line.ended_at ?? at,
    dueAt: null,
    expiresAt: line.expires_at,
    attempts: line.attempts,
    sends: line.sends,
    origin: "import",
    size: bytes.length,
    request: {
      method: request.method,
      rest: request.rest,
      target: request.target,
      host: request.host,
      httpVersion: request.http_version,
      peer: request.peer,
      secure: request.secure,
      headers: rawHeaders(request.headers),
    },
    body: bytes,
    orderKey: line.order_key,
    inDoubt: line.in_doubt,
    tries: line.tries.map(tryOf),
    poll: null,
  };
}

function tryOf(one: Line["tries"][number]): TryRecord {
  const { n, at, upstream, worth, reason, status } = one;
  return {
    n,
    at,
    upstream,
    worth,
    reason,
    status,
    durationMs: one.duration_ms,
    detail: one.detail,
    ...(one.headers !== null && { headers: rawHeaders(one.headers) }),
    ...(one.body !== null && { body: bytesOf(one.body, one.body_encoding).toString("base64") }),
    ...(one.body_bytes !== null && { bodyBytes: one.body_bytes }),
  };
}

// A secret that is left out is missed by the app; three stars in its place would look like a wrong one.
function rawHeaders(given: Line["request"]["headers"]): RawHeaders {
  return given.filter(({ value }) => value !== REDACTED).flatMap(({ name, value }) => [name, value]);
}

function hasRedacted({ request }: Line): boolean {
  return request.headers.some(({ value }) => value === REDACTED) || request.rest.includes(`=${REDACTED}`);
}

function bytesOf(text: string, encoding: Line["body_encoding"]): Buffer {
  return Buffer.from(text, encoding === "text" ? "utf8" : "base64");
}
