import { openSync } from "node:fs";
import pino from "pino";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/error.text.ts";
import { eventRecord } from "../core/event.record.ts";
import type { Listener, OutriggerEvent, RequestCompleted } from "../core/events.ts";
import { createLineWriter } from "./log.writer.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts beside a message: names, numbers, an `err`. Never headers, bodies or secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The log: JSON lines. No call throws, whatever it is given, and none waits for the reader of stdout.
 */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Writes the events of the bus; see {@link eventLevel} for which at what level. */
  readonly record: Listener;
  /** A text as it may be written elsewhere: with `***` for the secrets of the running manifest. */
  masked(text: string): string;
  /** Writes out what is held, before the process ends. Never throws. */
  flush(): void;
}

export interface LogOptions {
  readonly clock: Clock;
  /** Of OUTRIGGER_LOG_LEVEL. */
  readonly level: LogLevel;
  /** An open file descriptor (1 is stdout), or a file to append to, held open from then on. */
  readonly destination: number | string;
  /** The secrets of the running manifest: each is replaced by `***` wherever it would stand in a line. */
  secrets(): readonly string[];
}

/** Shorter ones would blacken ordinary words, and guard nothing. */
const MIN_SECRET_LENGTH = 6;

/** Fields that are secrets by their name, at the top and one level down. */
const SECRET_FIELDS = ["authorization", "cookie", "password", "secret", "secrets", "token", "tokens"];

/** Is `text` a level this log knows? */
export function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text);
}

/** Starts the log. It is written asynchronously, so the process edge calls `flush` when the process exits. */
export function createLog(options: LogOptions): Log {
  const { clock, level } = options;
  const { destination } = options;
  const writer = createLineWriter(typeof destination === "string" ? openSync(destination, "a") : destination);
  const mask = createMask(options.secrets);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.wall()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: "***" },
      hooks: { streamWrite: mask },
    },
    writer,
  );
  const write = (at: Exclude<LogLevel, "silent">, fields: LogFields, message: string): void => {
    try {
      const dropped = writer.takeDropped();
      if (dropped > 0) logger.warn({ bytes: dropped }, "log lines were lost: they could not be written in time");
      logger[at](fields, message);
    } catch {
      // A field that cannot be written (a getter that throws) costs its line, never the caller.
    }
  };
  return {
    debug: (fields, message) => write("debug", fields, message),
    info: (fields, message) => write("info", fields, message),
    warn: (fields, message) => write("warn", fields, message),
    error: (fields, message) => write("error", fields, message),
    record(event) {
      const at = eventLevel(event);
      if (at === null || !logger.isLevelEnabled(at)) return;
      const { type, at: _time, ...fields } = eventRecord(event);
      write(at, { event: type, ...fields }, eventMessage(event));
    },
    masked: mask,
    flush: writer.flush,
  };
}

/** Of an error what {@link errorText} says, and its code; no other property. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === "string" && { code }),
    stack: errorText(error),
  };
}

/**
 * The level an event is written at. A failed or fallback request is one line at `info` (`fallback.used` says the
 * same again, so it is none). Refused requests are `debug` like good ones: a stranger decides how many there are,
 * and `outrigger_rejected_total` counts them. The passage of single jobs is `debug` too.
 */
function eventLevel(event: OutriggerEvent): "debug" | "info" | "warn" | null {
  switch (event.type) {
    case "request.completed":
      return event.outcome === "failed" || event.outcome === "fallback" ? "info" : "debug";
    case "fallback.used":
      return null;
    case "delivery.queued":
    case "delivery.delivered":
    case "delivery.retry":
      return "debug";
    case "breaker.opened":
    case "failover":
    case "upstream.down":
    case "dlq.added":
    case "verification.failed":
    case "route.parked":
    case "alert.firing":
    case "manifest.rejected":
    case "spool.full":
    case "storage.failing":
    case "redis.lost":
      return "warn";
    default:
      return "info";
  }
}

/** A sentence for people; programs read the fields. */
function eventMessage(event: OutriggerEvent): string {
  switch (event.type) {
    case "request.completed":
      return requestMessage(event);
    case "breaker.opened":
    case "breaker.half_open":
    case "breaker.closed":
      return `${event.type} ${event.app}/${event.capability} on ${event.upstream}: ${event.cause}`;
    case "failover":
    case "failback":
      return `${event.type} of ${event.app} from ${event.from ?? "nowhere"} to ${event.to ?? "nowhere"}: ${event.reason}`;
    case "upstream.up":
    case "upstream.down":
      return `${event.type} ${event.upstream} of ${event.app}${event.detail === null ? "" : `: ${event.detail}`}`;
    case "manifest.applied":
      return `manifest revision ${event.revision} applied`;
    case "manifest.rejected":
      return `manifest refused, the running one stays: ${event.problems.length} problem${event.problems.length === 1 ? "" : "s"}`;
    case "alert.firing":
    case "alert.resolved":
      return `${event.type} ${event.rule}: ${event.summary}`;
    case "storage.failing":
      return `storage failing: ${event.store}`;
    default:
      return event.type;
  }
}

function requestMessage({ method, route, outcome, reason, strategy }: RequestCompleted): string {
  const by = strategy === null ? outcome : `${outcome} ${strategy}`;
  return `${method}${route.app === "" ? "" : ` ${route.key}`}: ${by}${reason === null ? "" : ` (${reason})`}`;
}

/** Replaces secrets in a finished line, as they are and as JSON spells them; looked up anew when the list changes. */
function createMask(secrets: () => readonly string[]): (line: string) => string {
  let known: readonly string[] = [];
  let spellings: readonly string[] = [];
  return (line) => {
    const current = secrets();
    if (current !== known) {
      known = current;
      spellings = current
        .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
        .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
        // The longest first: one may hold another.
        .sort((a, b) => b.length - a.length);
    }
    let masked = line;
    for (const spelling of spellings) if (masked.includes(spelling)) masked = masked.replaceAll(spelling, "***");
    return masked;
  };
}
