/**
 * Templates of notifications: texts with `{event:name}` and `{label:name}` in them, as those of requests have
 * `{body:/pointer}` and `{header:Name}`. An event has no body of its own; `{body:/name}` is another way to write
 * `{event:name}`, and `{body:/labels/name}` to write `{label:name}`. The manifest refuses what is wrong with one, and
 * notifications are made of the same parts.
 */

/**
 * What a template may name: every field of the record of some event but `labels`, which have a way of their own, and
 * `peer`, whose events nobody is told of; the URLs of the upstreams of a move; and of what stands for several its `count`
 * and what they were `about`.
 */
export const NOTICE_FIELDS = [
  "type",
  "at",
  "app",
  "capability",
  "upstream",
  "url",
  "from",
  "from_url",
  "to",
  "to_url",
  "reason",
  "cause",
  "by",
  "status",
  "duration_ms",
  "detail",
  "alert",
  "consecutive_failures",
  "mode",
  "id",
  "request_id",
  "method",
  "outcome",
  "strategy",
  "count",
  "about",
  "attempts",
  "retries",
  "denied",
  "origin",
  "until",
  "dry_run",
  "sends",
  "result",
  "polls",
  "lag_ms",
  "delay_ms",
  "overhead_ms",
  "revision",
  "hash",
  "problems",
  "store",
  "level",
  "bound",
  "jobs",
  "max_jobs",
  "bytes",
  "max_bytes",
  "dead",
  "rule",
  "metric",
  "value",
  "threshold",
  "unit",
  "since",
  "summary",
] as const;
export type NoticeField = (typeof NOTICE_FIELDS)[number];

/** A place in a template where a value of the event goes. */
export type NoticeRef =
  | { readonly kind: "event"; readonly name: NoticeField }
  | { readonly kind: "label"; readonly name: string };

export type NoticeTemplate = readonly (string | NoticeRef)[];

const PLACEHOLDER = /\{(event|label|body|header):([^{}]*)\}/g;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Takes a template apart into fixed text and references; other braces are only text. Or says what is wrong with it. */
export function parseNoticeTemplate(text: string): NoticeTemplate | { readonly wrong: string } {
  const parts: (string | NoticeRef)[] = [];
  let from = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    const [whole, kind = "", name = ""] = match;
    const ref = refOf(kind, name);
    if (ref === null) return { wrong: wrongRef(whole, kind) };
    if (match.index > from) parts.push(text.slice(from, match.index));
    parts.push(ref);
    from = match.index + whole.length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

function refOf(kind: string, name: string): NoticeRef | null {
  if (kind === "body") {
    const [, label] = /^\/labels\/(.+)$/.exec(name) ?? [];
    return label === undefined ? refOf("event", name.replace(/^\//, "")) : refOf("label", label);
  }
  if (kind === "label") return LABEL.test(name) ? { kind, name } : null;
  const field = kind === "event" ? NOTICE_FIELDS.find((known) => known === name) : undefined;
  return field === undefined ? null : { kind: "event", name: field };
}

function wrongRef(whole: string, kind: string): string {
  if (kind === "header") return `${whole}: an event has no headers; expected {event:name} or {label:name}`;
  if (kind === "label") return `${whole} names no label: expected a name of an app's context, such as {label:room}`;
  return `${whole} names no field of an event; known: ${NOTICE_FIELDS.join(", ")}, and {label:name}`;
}
