import type { OutriggerEvent, RequestCompleted } from "./events.ts";
import type { Attempt } from "./exchange.ts";

/**
 * The one form in which events leave the process: log lines, the event stream, notifications. Flat, names in
 * snake_case, times as RFC 3339 text, durations in milliseconds with three decimals. What is unknown is left out.
 */
export type EventRecord = Readonly<Record<string, unknown>> & { readonly type: string; readonly at: string };

/** Fields of events that are times: Unix milliseconds inside, text outside. */
const TIMES: ReadonlySet<string> = new Set(["at", "until", "since"]);

export function eventRecord(event: OutriggerEvent): EventRecord {
  if (event.type === "request.completed") return completed(event);
  const record: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(event)) {
    if (value === null || value === undefined) continue;
    if (key === "route") Object.assign(record, { app: value.app, capability: value.capability, mode: value.mode });
    else if (TIMES.has(key)) record[snakeCase(key)] = timeText(value);
    else record[snakeCase(key)] = key.endsWith("Ms") ? rounded(value) : value;
  }
  return { ...record, type: event.type, at: timeText(event.at) };
}

/** The app an event is about, or null. */
export function eventApp(event: OutriggerEvent): string | null {
  if (event.type === "request.completed" || event.type === "fallback.used") return event.route.app;
  return "app" in event && typeof event.app === "string" ? event.app : null;
}

/** A label from `context`, such as `room`, or null where the event has none. */
export function eventLabel(event: OutriggerEvent, label: string): string | null {
  const labels: unknown = "labels" in event ? event.labels : null;
  if (typeof labels !== "object" || labels === null || !Object.hasOwn(labels, label)) return null;
  const value = (labels as Readonly<Record<string, unknown>>)[label];
  return typeof value === "string" ? value : null;
}

/** Unix milliseconds as RFC 3339 in UTC; a number that is no time (none of ours) becomes the epoch. */
export function timeText(unixMs: number): string {
  const time = new Date(unixMs);
  return Number.isNaN(time.getTime()) ? new Date(0).toISOString() : time.toISOString();
}

function completed(event: RequestCompleted): EventRecord {
  const { route } = event;
  return {
    type: event.type,
    at: timeText(event.at),
    // Empty for a request that was refused before a route was known.
    ...(route.app !== "" && { app: route.app, capability: route.capability, mode: route.mode }),
    id: event.id,
    method: event.method,
    outcome: event.outcome,
    ...(event.reason && { reason: event.reason }),
    ...(event.strategy && { strategy: event.strategy }),
    status: event.status,
    duration_ms: rounded(event.durationMs),
    overhead_ms: rounded(event.overheadMs),
    attempts: event.attempts.map(attempt),
    ...(event.retries.length > 0 && { retries: event.retries }),
    ...(event.denied && { denied: event.denied }),
    labels: event.labels,
  };
}

/** `startedAt` is monotonic, so it means nothing outside the process and is left out. */
function attempt(a: Attempt): object {
  return {
    n: a.n,
    upstream: a.upstream,
    worth: a.worth,
    ...(a.reason && { reason: a.reason }),
    ...(a.status > 0 && { status: a.status }),
    duration_ms: rounded(a.durationMs),
    ...(a.detail && { detail: a.detail }),
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
