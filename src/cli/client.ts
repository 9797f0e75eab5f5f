import { Agent, fetch, type Response } from "undici";
import { z } from "zod";
import { err, ok, type Result } from "../core/result.ts";
import { INTERRUPTED, notUnderstood, refusalOf, unreachable } from "./client.failure.ts";
import type { Failure, Target } from "./target.ts";

/** The admin API as commands use it. Every answer is checked against the schema the sidecar answers by. */
export interface Client extends AsyncDisposable {
  get<T>(path: string, schema: z.ZodType<T>): Promise<Result<T, Failure>>;
  /** `timeoutMs`: for what takes longer than an answer from memory. */
  post<T>(path: string, body: object, schema: z.ZodType<T>, timeoutMs?: number): Promise<Result<T, Failure>>;
  put<T>(path: string, body: object, schema: z.ZodType<T>): Promise<Result<T, Failure>>;
  del<T>(path: string, schema: z.ZodType<T>): Promise<Result<T, Failure>>;
  /** Sends lines of JSON. */
  send<T>(path: string, lines: Uint8Array, schema: z.ZodType<T>): Promise<Result<T, Failure>>;
  /** The first items of a list, `limit` at most, and whether there are more. */
  head<T>(path: string, item: z.ZodType<T>, limit: number): Promise<Result<Head<T>, Failure>>;
  /** All items of a list, part by part. */
  list<T>(path: string, item: z.ZodType<T>): Promise<Result<readonly T[], Failure>>;
  /** Opens a body of any length; that it breaks off is an exception of its iteration. */
  download(path: string, method?: "GET" | "POST"): Promise<Result<Download, Failure>>;
  /** Opens an event stream, from after `lastId` if one is given. */
  stream(path: string, lastId: string | null): Promise<Result<AsyncIterable<Uint8Array>, Failure>>;
}

export interface Head<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

export interface Download {
  /** Bytes, where it is known before. */
  readonly size: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

const BASE = "/api/v1/admin";
const TIMEOUT_MS = 10_000;
/** A part of an import: up to 64 MiB, kept durably. */
const SEND_TIMEOUT_MS = 120_000;
/** A copy of a spool is whole before its first byte comes. */
const HEAD_TIMEOUT_MS = 1_800_000;
/** Lists are bounded by the manifest; more parts than this is a cursor that goes round in circles. */
const MAX_PARTS = 1_000;
const JSON_BODY = { "Content-Type": "application/json" };
const LINES_BODY = { "Content-Type": "application/x-ndjson" };

interface Asked {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** `signal` ends whatever is under way, as when the person interrupts. */
export function createClient(target: Target, signal: AbortSignal): Client {
  const agent = new Agent({
    headersTimeout: HEAD_TIMEOUT_MS,
    ...(target.socketPath !== null && { connect: { socketPath: target.socketPath } }),
  });
  const open = async (path: string, asked: Asked): Promise<Result<Response, Failure>> => {
    const headers: Record<string, string> = { Accept: "application/json, text/event-stream, */*", ...asked.headers };
    if (target.token !== null) headers.Authorization = `Bearer ${target.token}`;
    try {
      const response = await fetch(`${target.url}${BASE}${path}`, {
        method: asked.method ?? "GET",
        headers,
        ...(asked.body !== undefined && { body: asked.body }),
        redirect: "error",
        dispatcher: agent,
        signal: asked.signal,
      });
      return response.ok ? ok(response) : err(await refusalOf(response, target));
    } catch (error) {
      return err(signal.aborted ? INTERRUPTED : unreachable(error, target));
    }
  };
  const ask = async <T>(
    path: string,
    asked: Omit<Asked, "signal">,
    schema: z.ZodType<T>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<Result<T, Failure>> => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const response = await open(path, { ...asked, signal: limited });
    if (!response.ok) return response;
    try {
      const parsed = schema.safeParse(await response.value.json());
      return parsed.success ? ok(parsed.data) : err(notUnderstood(target));
    } catch {
      return err(notUnderstood(target));
    }
  };
  const get: Client["get"] = (path, schema) => ask(path, {}, schema);
  const head = async <T>(path: string, item: z.ZodType<T>, limit: number): Promise<Result<Head<T>, Failure>> => {
    const schema = z.object({ items: z.array(item), next: z.string().nullable() });
    const items: T[] = [];
    let cursor = "";
    for (let part = 0; part < MAX_PARTS; part++) {
      const wanted = Math.min(limit - items.length, 1000);
      const answer = await get(`${path}${path.includes("?") ? "&" : "?"}limit=${wanted}${cursor}`, schema);
      if (!answer.ok) return answer;
      const { next } = answer.value;
      items.push(...answer.value.items);
      if (next === null || items.length >= limit) return ok({ items, more: next !== null });
      cursor = `&cursor=${encodeURIComponent(next)}`;
    }
    return limit === Infinity ? err(notUnderstood(target)) : ok({ items, more: true });
  };
  return {
    get,
    post: (path, body, schema, timeoutMs) =>
      ask(path, { method: "POST", body: JSON.stringify(body), headers: JSON_BODY }, schema, timeoutMs),
    put: (path, body, schema) => ask(path, { method: "PUT", body: JSON.stringify(body), headers: JSON_BODY }, schema),
    del: (path, schema) => ask(path, { method: "DELETE" }, schema),
    send: (path, lines, schema) =>
      ask(path, { method: "POST", body: lines, headers: LINES_BODY }, schema, SEND_TIMEOUT_MS),
    head,
    async list(path, item) {
      const answer = await head(path, item, Infinity);
      return answer.ok ? ok(answer.value.items) : answer;
    },
    async download(path, method = "GET") {
      const response = await open(path, { method, signal });
      if (!response.ok) return response;
      const { body, headers } = response.value;
      const length = headers.get("content-length");
      return body === null ? err(notUnderstood(target)) : ok({ size: length === null ? null : Number(length), body });
    },
    async stream(path, lastId) {
      const headers: Record<string, string> = lastId === null ? {} : { "Last-Event-ID": lastId };
      const response = await open(path, { headers, signal });
      if (!response.ok) return response;
      return response.value.body === null ? err(notUnderstood(target)) : ok(response.value.body);
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}
