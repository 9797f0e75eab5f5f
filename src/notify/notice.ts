import { type EventRecord, eventApp, eventRecord } from "../core/event.record.ts";
import type { EventType, OutriggerEvent } from "../core/events.ts";
import type { NoticeRef } from "../core/notice.ts";

/** What a channel is told: an event in the form in which events leave the process. */
export interface Notice {
  readonly type: EventType;
  readonly app: string | null;
  readonly record: EventRecord;
}

/** The URL of an upstream in the running manifest, or null where it names none such. */
export type UrlOf = (app: string, upstream: string) => string | null;

/**
 * A move of traffic gets the URLs of where it left and where it goes, less trailing slashes: paths follow them. What
 * stands for several events gets their `count`.
 */
export function noticeOf(event: OutriggerEvent, urlOf: UrlOf, count?: number): Notice {
  const record = { ...eventRecord(event), ...(count !== undefined && { count }) };
  const { type } = event;
  const app = eventApp(event);
  if (type !== "failover" && type !== "failback") return { type, app, record };
  const url = (key: string, upstream: string | null) => {
    const found = upstream === null ? null : urlOf(event.app, upstream);
    return found !== null && { [key]: found.replace(/\/+$/, "") };
  };
  return { type, app, record: { ...record, ...url("from_url", event.from), ...url("to_url", event.to) } };
}

/** Longer texts are cut: no event of ours needs more, and what is sent stays small whatever an app has said. */
const LONGEST_VALUE = 4096;

/** What a template names: a text, number or truth; null where this event has none. */
export function noticeValue({ record }: Notice, ref: NoticeRef): string | number | boolean | null {
  const value = ref.kind === "label" ? own(record.labels, ref.name) : own(record, ref.name);
  if (typeof value === "string") return value.slice(0, LONGEST_VALUE).toWellFormed();
  return typeof value === "number" || typeof value === "boolean" ? value : null;
}

function own(holder: unknown, name: string): unknown {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, name)) return null;
  return (holder as Readonly<Record<string, unknown>>)[name];
}
