import { z } from "@hono/zod-openapi";
import { timeText } from "../core/event.record.ts";
import type { RawHeaders } from "../core/headers.ts";
import { DEAD_REASONS, JOB_STATES, type JobSummary, type StoredJob, type TryRecord } from "../core/job.ts";
import { REASONS } from "../core/outcome.ts";
import { redactHeaders } from "../core/redact.ts";
import type { Page } from "../core/stored.ts";
import { redactQuery } from "./redact.ts";
import { timeSchema } from "./wire.ts";

/** Jobs as the API shows and exports them. */

const ORIGINS = ["async", "fallback", "import", "sync"] as const;
export const WORTHS = ["ok", "permanent", "transient", "push_back", "ignored"] as const;
export const ENCODINGS = ["text", "base64"] as const;

export const jobSummarySchema = z
  .object({
    id: z.string(),
    app: z.string(),
    capability: z.string(),
    state: z.enum(JOB_STATES),
    reason: z.enum(DEAD_REASONS).nullable().openapi({ description: "Why it is dead or cancelled; null while not." }),
    detail: z.string().nullable(),
    request_id: z.string(),
    at: timeSchema.openapi({ description: "When it was accepted." }),
    ended_at: timeSchema.nullable(),
    due_at: timeSchema.nullable().openapi({ description: "When it is sent next; null unless queued or verifying." }),
    expires_at: timeSchema,
    attempts: z.int().openapi({ description: "Tries that count against `retry.attempts`." }),
    sends: z.int().openapi({ description: "Every send, of the synchronous call before it too." }),
    origin: z.enum(ORIGINS),
    size: z.int().openapi({ description: "Bytes of the body." }),
  })
  .openapi("DeliverySummary");
export type JobSummaryView = z.infer<typeof jobSummarySchema>;

const headersSchema = z.array(z.object({ name: z.string(), value: z.string() }));

const bodyFields = {
  body: z.string().nullable().openapi({ description: "For operators; null for others, and where there is none." }),
  body_encoding: z.enum(ENCODINGS).nullable().openapi({ description: "`text` where it is UTF-8." }),
};

export const jobSchema = jobSummarySchema
  .extend({
    request: z
      .object({
        method: z.string(),
        rest: z.string().openapi({ description: "What follows the route's path, and the query." }),
        target: z.string().openapi({ description: "The caller's path." }),
        host: z.string(),
        http_version: z.string(),
        peer: z.string(),
        secure: z.boolean(),
        headers: headersSchema.openapi({ description: "As received, secrets as `***`." }),
      })
      .nullable()
      .openapi({ description: "null once the payload is gone, to make room." }),
    ...bodyFields,
    order_key: z.string().nullable().openapi({ description: "For operators: it is taken from the payload." }),
    in_doubt: z.boolean().openapi({ description: "A send was written and never answered: the app may have it." }),
    tries: z.array(
      z
        .object({
          n: z.int(),
          at: timeSchema,
          upstream: z.string(),
          worth: z.enum(WORTHS),
          reason: z.enum(REASONS).nullable(),
          status: z.int().openapi({ description: "0 where no answer came." }),
          duration_ms: z.number(),
          detail: z.string().nullable(),
          headers: headersSchema.nullable().openapi({ description: "Of an answer that was not good." }),
          ...bodyFields,
          body_bytes: z.int().nullable().openapi({ description: "The whole length: only a beginning is kept." }),
        })
        .openapi("DeliveryTry"),
    ),
    verification: z
      .object({
        path: z.string().nullable().openapi({ description: "For operators: it is taken from an answer." }),
        upstream: z.string(),
        since: timeSchema,
        until: timeSchema,
        polls: z.int().openapi({ description: "How often the app was asked." }),
        last: z.string().nullable().openapi({ description: "What it said last; for operators." }),
      })
      .nullable()
      .openapi({ description: "What the app is asked, while it is verifying." }),
  })
  .openapi("Delivery");
export type JobView = z.infer<typeof jobSchema>;

export function summaryView(job: JobSummary): JobSummaryView {
  const { id, app, capability, state, reason, detail, attempts, sends, origin, size } = job;
  return {
    id,
    app,
    capability,
    state,
    reason,
    detail,
    request_id: job.requestId,
    at: timeText(job.at),
    ended_at: timeOrNull(job.endedAt),
    due_at: timeOrNull(job.dueAt),
    expires_at: timeText(job.expiresAt),
    attempts,
    sends,
    origin,
    size,
  };
}

export function summariesView({ items, next }: Page<JobSummary>): { items: JobSummaryView[]; next: string | null } {
  return { items: items.map(summaryView), next: next === null ? null : String(next) };
}

export interface Shown {
  /** Bodies, the app's answers among them (many repeat what they were sent), and what is taken from them. */
  readonly payload: boolean;
  /** Headers and query as they were. For an export that is to be delivered elsewhere, and for nothing else. */
  readonly secrets: boolean;
  /** All bodies in base64, so that a program need not ask which. */
  readonly base64: boolean;
}

export function jobView(job: StoredJob, shown: Shown): JobView {
  const { request } = job;
  return {
    ...summaryView(job),
    request: request && {
      method: request.method,
      rest: shown.secrets ? request.rest : redactQuery(request.rest),
      target: request.target,
      host: request.host,
      http_version: request.httpVersion,
      peer: request.peer,
      secure: request.secure,
      headers: headersView(request.headers, shown),
    },
    ...bodyView(job.body, shown),
    order_key: shown.payload ? job.orderKey : null,
    in_doubt: job.inDoubt,
    tries: job.tries.map((one) => tryView(one, shown)),
    verification: job.poll && pollView(job.poll, shown),
  };
}

function pollView(poll: NonNullable<StoredJob["poll"]>, { payload }: Shown): JobView["verification"] {
  const { path, upstream, since, until, polls, last } = poll;
  return {
    path: payload ? path : null,
    upstream,
    since: timeText(since),
    until: timeText(until),
    polls,
    last: payload ? last : null,
  };
}

function tryView(one: TryRecord, shown: Shown): JobView["tries"][number] {
  const { n, upstream, worth, reason, status, detail } = one;
  return {
    n,
    at: timeText(one.at),
    upstream,
    worth,
    reason,
    status,
    duration_ms: Math.round(one.durationMs * 1000) / 1000,
    detail,
    headers: one.headers === undefined ? null : headersView(one.headers, shown),
    ...bodyView(one.body === undefined ? null : Buffer.from(one.body, "base64"), shown),
    body_bytes: one.bodyBytes ?? null,
  };
}

function headersView(headers: RawHeaders, { secrets }: Shown): { name: string; value: string }[] {
  const shown = secrets ? headers : redactHeaders(headers);
  return shown.flatMap((name, i) => (i % 2 === 0 ? [{ name, value: shown[i + 1] ?? "" }] : []));
}

function bodyView(body: Uint8Array | null, { payload, base64 }: Shown): Pick<JobView, "body" | "body_encoding"> {
  if (body === null || !payload) return { body: null, body_encoding: null };
  const text = base64 ? null : textOf(body);
  return text === null
    ? { body: Buffer.from(body.buffer, body.byteOffset, body.length).toString("base64"), body_encoding: "base64" }
    : { body: text, body_encoding: "text" };
}

/** Null where it is no UTF-8. A byte order mark is part of it. */
function textOf(body: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}

function timeOrNull(unixMs: number | null): string | null {
  return unixMs === null ? null : timeText(unixMs);
}
