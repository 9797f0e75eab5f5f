import type { EventRecord } from "../core/event.record.ts";
import { plainLine, shellWord } from "./plain.ts";
import { WORDS } from "./words.ts";

/** What a notification says to people: the same for every channel, which only dresses it. */
export interface Message {
  /** One line. */
  readonly title: string;
  /** Whole sentences, in this order: what happened and since when, what it means, what to do next. */
  readonly sentences: readonly string[];
  /** The command that shows or mends it; null where there is none. */
  readonly command: string | null;
  readonly severity: Severity;
  /** Where the dashboard shows it; null where it has no address. */
  readonly link: string | null;
  readonly app: string | null;
  readonly capability: string | null;
  readonly room: string | null;
  /** When it happened: RFC 3339 in UTC. */
  readonly at: string;
}

export const SEVERITIES = ["info", "good", "warning", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What the words of an event are made of: its record, each value as one harmless line. */
export interface Facts {
  /** Empty where the record has no such value. */
  readonly text: (name: string) => string;
  readonly number: (name: string) => number | null;
  readonly list: (name: string) => readonly string[];
  readonly is: (name: string) => boolean;
  /** `app`, or `app/capability`. */
  readonly route: string;
}

export interface Words {
  readonly title: string;
  readonly what: string;
  readonly meaning: string;
  readonly next: string;
  /** Words of a command after `outrigger`; with one that a shell might misread there is none. */
  readonly command?: readonly unknown[];
  readonly severity: Severity;
}

/**
 * Composes the message of an event. `dashboard` is the URL people reach it by, or null. Pure; a type without words of
 * its own is told by its name.
 */
export function messageOf(id: string, record: EventRecord, dashboard: string | null): Message {
  const facts = factsOf(record);
  const { title, what, meaning, next, command, severity } = (WORDS[record.type] ?? anyWords(record.type))(facts);
  const words = command?.map(shellWord);
  return {
    title: plainLine(title, 200),
    // An alert knows when the trouble began.
    sentences: [
      `${what} Since ${plainLine(typeof record.since === "string" ? record.since : record.at, 40)}.`,
      meaning,
      next,
    ].filter((sentence) => sentence !== ""),
    command: words === undefined || words.includes(null) ? null : ["outrigger", ...words].join(" "),
    severity,
    link: dashboard === null ? null : `${dashboard}/#/notifications/${encodeURIComponent(id)}`,
    app: facts.text("app") || null,
    capability: facts.text("capability") || null,
    room: roomOf(record),
    at: record.at,
  };
}

function roomOf({ labels }: EventRecord): string | null {
  if (typeof labels !== "object" || labels === null || !Object.hasOwn(labels, "room")) return null;
  const { room } = labels as { readonly room: unknown };
  return typeof room === "string" ? plainLine(room, 256) : null;
}

function factsOf(record: EventRecord): Facts {
  const value = (name: string): unknown => (Object.hasOwn(record, name) ? record[name] : undefined);
  const text = (name: string): string => {
    const found = value(name);
    return typeof found === "string" || typeof found === "number" ? plainLine(String(found)) : "";
  };
  const [app, capability] = [text("app"), text("capability")];
  return {
    text,
    number: (name) => {
      const found = value(name);
      return typeof found === "number" && Number.isFinite(found) ? found : null;
    },
    list: (name) => {
      const found = value(name);
      return Array.isArray(found) ? found.map((one) => plainLine(String(one), 300)) : [];
    },
    is: (name) => value(name) === true,
    route: capability === "" ? app : `${app}/${capability}`,
  };
}

const anyWords =
  (type: string) =>
  ({ route }: Facts): Words => ({
    title: route === "" ? type : `${route}: ${type}`,
    what: `${type} was reported${route === "" ? "" : ` of ${route}`}.`,
    meaning: "",
    next: "The event stream and the log have its details.",
    command: ["tail"],
    severity: "info",
  });
