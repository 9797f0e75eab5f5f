import { Agent, request } from "undici";
import { z } from "zod";
import { type JobView, jobSchema } from "../admin/jobs.ts";
import { err, ok, type Result } from "../core/result.ts";
import { INTERRUPTED } from "./client.failure.ts";
import type { Client } from "./client.ts";
import { parkedText } from "./parked.ts";
import type { Call } from "./send.call.ts";
import { serverEvents } from "./sse.ts";
import type { Failure } from "./target.ts";

/** What came of a test call. */
export interface Told {
  readonly answer: {
    readonly status: number;
    /** The value of `Outrigger-Outcome`; empty where the answer has none. */
    readonly outcome: string;
    readonly headers: readonly (readonly [name: string, value: string])[];
    readonly body: Uint8Array;
  };
  /** As the sidecar's own event tells it; null where that did not come in time. */
  readonly completed: Completed | null;
  /** What it left for later, as far as that had come when the wait was over. */
  readonly delivery: JobView | null;
  /** Why that waits although it is due, if it does. */
  readonly parked: string | null;
}

export const completedSchema = z.looseObject({
  type: z.literal("request.completed"),
  id: z.string(),
  outcome: z.string(),
  reason: z.string().optional(),
  duration_ms: z.number(),
  attempts: z.array(
    z.looseObject({
      n: z.number(),
      upstream: z.string(),
      worth: z.string(),
      reason: z.string().optional(),
      status: z.number().optional(),
      duration_ms: z.number(),
      detail: z.string().optional(),
    }),
  ),
  denied: z.string().optional(),
});
export type Completed = z.infer<typeof completedSchema>;

/** Longer than any call may last. */
const CALL_MS = 16 * 60_000;
/** The event comes with the answer, or a moment later. */
const EVENT_MS = 5_000;
const MAX_BODY = 64 * 1024 * 1024;

/** Listens first, so that nothing is missed; then calls. Rejects where the proxy does not answer. */
export async function ask(
  client: Client,
  call: Call,
  waitMs: number,
  ended: AbortSignal,
): Promise<Result<Told, Failure>> {
  const types = "request.completed,delivery.delivered,dlq.added";
  const opened = await client.stream(`/events?${new URLSearchParams({ app: call.app, type: types })}`, null);
  if (!opened.ok) return opened;
  const events = serverEvents(opened.value);
  let answer: Told["answer"];
  try {
    answer = await callProxy(call, ended);
  } catch (error) {
    if (ended.aborted) return err(INTERRUPTED);
    throw error;
  }
  const own = await firstOf(events, EVENT_MS, (event) => ofCall(event, call.id));
  const id = deliveryOf(answer);
  if (id === null) return ok({ answer, completed: own, delivery: null, parked: null });
  await firstOf(events, waitMs, (event) => (endsDelivery(event, id) ? true : null));
  const job = await client.get(`/deliveries/${encodeURIComponent(id)}`, jobSchema);
  if (!job.ok) return job;
  return ok({ answer, completed: own, delivery: job.value, parked: await parkedText(client, job.value) });
}

async function callProxy(call: Call, signal: AbortSignal): Promise<Told["answer"]> {
  const dispatcher = new Agent({
    headersTimeout: CALL_MS,
    bodyTimeout: CALL_MS,
    ...(call.socketPath !== null && { connect: { socketPath: call.socketPath } }),
  });
  try {
    return await answerOf(call, dispatcher, signal);
  } finally {
    await dispatcher.destroy();
  }
}

async function answerOf(call: Call, dispatcher: Agent, signal: AbortSignal): Promise<Told["answer"]> {
  const { url, path, method, headers, body } = call;
  const response = await request(`${url}${path}`, {
    method: method as "POST",
    headers,
    body: body.length === 0 ? null : body,
    dispatcher,
    signal,
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_BODY) break;
    chunks.push(chunk);
  }
  const named = Object.entries(response.headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  );
  const outcome = named.find(([name]) => name === "outrigger-outcome")?.[1] ?? "";
  return { status: response.statusCode, outcome, headers: named, body: Buffer.concat(chunks) };
}

/** The first event that `wanted` gives something for; null where none comes in time, or the stream ends. */
async function firstOf<T>(
  events: AsyncGenerator<{ readonly data: string }>,
  withinMs: number,
  wanted: (event: unknown) => T | null,
): Promise<T | null> {
  const late = AbortSignal.timeout(withinMs);
  const over = new Promise<null>((resolve) => late.addEventListener("abort", () => resolve(null), { once: true }));
  const search = async (): Promise<T | null> => {
    // Not with `for await`: that would end the stream, and more is asked of it.
    for (let next = await events.next(); !next.done && !late.aborted; next = await events.next()) {
      const found = wanted(parsed(next.value.data));
      if (found !== null) return found;
    }
    return null;
  };
  return Promise.race([search().catch(() => null), over]);
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

function ofCall(event: unknown, id: string): Completed | null {
  const read = completedSchema.safeParse(event);
  return read.success && read.data.id === id ? read.data : null;
}

const endSchema = z.looseObject({ type: z.enum(["delivery.delivered", "dlq.added"]), id: z.string() });

function endsDelivery(event: unknown, id: string): boolean {
  const read = endSchema.safeParse(event);
  return read.success && read.data.id === id;
}

/** Of a 202 that left something for later: `Location: /.outrigger/deliveries/ID`. */
function deliveryOf({ headers }: Told["answer"]): string | null {
  const location = headers.find(([name]) => name === "location")?.[1] ?? "";
  return /^\/\.outrigger\/deliveries\/([^/]+)$/.exec(location)?.[1] ?? null;
}
