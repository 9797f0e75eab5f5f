import { type EventRecord, eventApp, eventRecord } from "../core/event.record.ts";
import type { EventType, OutriggerEvent } from "../core/events.ts";
import type { NoticeRef } from "../core/notice.ts";
import type { JsonValue } from "../core/settings.route.ts";
import type { Mask } from "./excerpt.ts";
import { type Message, messageOf } from "./message.ts";

/** What a channel is told: an event in the form in which events leave the process, and in words. Plain JSON. */
export interface Notice {
  /** The same on every try and in every channel, so that whoever is told twice can tell. */
  readonly id: string;
  readonly type: NoticeType;
  readonly app: string | null;
  /** Of the app, as of when it happened. */
  readonly owner: string | null;
  readonly record: EventRecord;
  readonly message: Message;
}

/** Beside events: what was held back, and a test. */
export type NoticeType = EventType | "notifications.held_back" | "notifications.test";

/** What is known of the running manifest. */
export interface NoticeContext {
  /** The URL of an upstream, or null where the manifest names none such. */
  readonly urlOf: (app: string, upstream: string) => string | null;
  readonly ownerOf: (app: string) => string | null;
  /** The URL of the dashboard, or null. */
  readonly dashboard: string | null;
  /** Replaces its secrets in a text. */
  readonly mask: Mask;
}

/**
 * A move of traffic gets the URLs of where it left and where it goes, less trailing slashes: paths follow them. What
 * stands for several events gets their `count`.
 */
export function noticeOf(id: string, event: OutriggerEvent, context: NoticeContext, count?: number): Notice {
  const record = { ...eventRecord(event), ...(count !== undefined && { count }) };
  const { type } = event;
  const app = eventApp(event);
  if (type !== "failover" && type !== "failback") return noticeFrom(id, type, app, record, context);
  const url = (key: string, upstream: string | null) => {
    const found = upstream === null ? null : context.urlOf(event.app, upstream);
    return found !== null && { [key]: found.replace(/\/+$/, "") };
  };
  const moved = { ...record, ...url("from_url", event.from), ...url("to_url", event.to) };
  return noticeFrom(id, type, app, moved, context);
}

export function noticeFrom(
  id: string,
  type: NoticeType,
  app: string | null,
  record: EventRecord,
  { ownerOf, dashboard, mask }: NoticeContext,
): Notice {
  const shown = masked(record, mask) as EventRecord;
  // An endpoint that something is pointed with gets the URLs as they are; nobody gets other secrets.
  const sent = { ...shown, ...pick(record, URLS) };
  const owner = app === null ? null : ownerOf(app);
  return { id, type, app, owner, record: bounded(sent) as EventRecord, message: messageOf(id, shown, dashboard) };
}

const URLS = ["url", "from_url", "to_url"] as const;

function pick(record: EventRecord, names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(record, name)).map((name) => [name, record[name]]));
}

function masked(value: unknown, mask: Mask): unknown {
  return mapTexts(value, mask);
}

/** What is kept for later stays small, whatever an event has said. */
const MOST_ITEMS = 100;

function bounded(value: unknown): unknown {
  return mapTexts(value, (text) => (text.length <= LONGEST_VALUE ? text : text.slice(0, LONGEST_VALUE)));
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((one) => mapTexts(one, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapTexts(inner, change)]));
}

/** Longer texts are cut: no event of ours needs more, and what is sent stays small whatever an app has said. */
const LONGEST_VALUE = 4096;

/** What a template names, as JSON; null where this event has none. */
export function noticeValue({ record }: Notice, ref: NoticeRef): JsonValue {
  const value = ref.kind === "label" ? own(record.labels, ref.name) : own(record, ref.name);
  return (mapTexts(value, (text) => text.slice(0, LONGEST_VALUE).toWellFormed()) ?? null) as JsonValue;
}

/** The same within a text: of a list its texts, or how many there are. */
export function noticeText(notice: Notice, ref: NoticeRef): string {
  const value = noticeValue(notice, ref);
  if (!Array.isArray(value)) return String(value ?? "");
  const texts = value.length > 0 && value.every((one) => typeof one === "string");
  return texts ? value.join("; ").slice(0, LONGEST_VALUE).toWellFormed() : String(value.length);
}

function own(holder: unknown, name: string): unknown {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, name)) return null;
  return (holder as Readonly<Record<string, unknown>>)[name];
}
