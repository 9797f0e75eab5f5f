import type { Report } from "./problem.ts";
import { shown } from "./schema.parts.ts";
import { wrongRedisUrl } from "./schema.service.ts";
import { formatDuration, parseDuration } from "./units.ts";

/**
 * The environment variables that set keys of the manifest: one table, which the documentation repeats. An empty value
 * counts as unset, since that is how container tools write "not given".
 */

type Parse = (text: string) => number | boolean | string | { readonly wrong: string };

const MAX_MS = 3650 * 86_400_000;
const DAY_MS = 86_400_000;

const duration =
  (min: number): Parse =>
  (text) => {
    const ms = parseDuration(/^\d+$/.test(text) ? Number(text) : text);
    if (ms !== null && ms >= min && ms <= MAX_MS) return ms;
    return {
      wrong: `expected milliseconds or a duration such as 2s, at least ${formatDuration(min)}; got ${shown(text)}`,
    };
  };

const number =
  (min: number, max: number, fraction = false): Parse =>
  (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max && (fraction || Number.isInteger(value))) return value;
    return { wrong: `expected a ${fraction ? "" : "whole "}number from ${min} to ${max}, got ${shown(text)}` };
  };

const days: Parse = (text) => {
  const value = number(1, 3650)(text);
  return typeof value === "number" ? value * DAY_MS : value;
};

const flag: Parse = (text) => {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  return { wrong: `expected true or false, got ${shown(text)}` };
};

const redisUrl: Parse = (text) => {
  const wrong = wrongRedisUrl(text);
  return wrong === null ? text : { wrong };
};

const token: Parse = (text) =>
  /^[\x21-\x7e]{16,}$/.test(text) ? text : { wrong: "expected at least 16 visible ASCII characters" };

export const VARIABLES = {
  WEBHOOK_TIMEOUT_DEFAULT: duration(1),
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: number(1, 1_000_000),
  CIRCUIT_BREAKER_RECOVERY_TIMEOUT: duration(1),
  CIRCUIT_BREAKER_SUCCESS_THRESHOLD: number(1, 10_000),
  CIRCUIT_BREAKER_ENABLED: flag,
  WEBHOOK_RETRY_MAX_ATTEMPTS: number(1, 100),
  WEBHOOK_RETRY_INITIAL_DELAY: duration(1),
  WEBHOOK_RETRY_MAX_DELAY: duration(1),
  WEBHOOK_RETRY_BACKOFF_MULTIPLIER: number(1, 100, true),
  APP_HEALTH_CHECK_INTERVAL: duration(10),
  APP_HEALTH_CHECK_TIMEOUT: duration(10),
  WEBHOOK_METRICS_RETENTION_DAYS: days,
  ALERT_CHECK_INTERVAL: duration(1000),
  REDIS_URL: redisUrl,
  QUEUE_CONCURRENCY: number(1, 10_000),
  OUTRIGGER_ADMIN_TOKEN: token,
} as const satisfies Readonly<Record<string, Parse>>;
export type VariableName = keyof typeof VARIABLES;

const TIMEOUT_PREFIX = "WEBHOOK_TIMEOUT_";

/** The environment, read once: what each variable that is set and good says. */
export interface Environment {
  number(name: VariableName): number | undefined;
  flag(name: VariableName): boolean | undefined;
  text(name: VariableName): string | undefined;
  /** The timeout for a capability, and the variable it is from. */
  timeout(capability: string): { readonly name: string; readonly ms: number } | undefined;
  /** Name and value of everything that was read, for the hash of the manifest's content. */
  readonly read: readonly (readonly [name: string, value: string])[];
}

/** `quiz-answer` is set by WEBHOOK_TIMEOUT_QUIZ_ANSWER. */
function timeoutVariable(capability: string): string {
  return TIMEOUT_PREFIX + capability.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/** Reads all variables that are set; bad values are reported and count as not set. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>, report: Report): Environment {
  const values = new Map<string, number | boolean | string>();
  const read: [string, string][] = [];
  const take = (name: string, parse: Parse): void => {
    const text = env[name]?.trim();
    if (text === undefined || text === "") return;
    const value = parse(text);
    if (typeof value === "object") return report.env(name, value.wrong);
    read.push([name, text]);
    values.set(name, value);
  };
  for (const [name, parse] of Object.entries(VARIABLES)) take(name, parse);
  for (const name of Object.keys(env)) {
    if (name.startsWith(TIMEOUT_PREFIX) && !(name in VARIABLES)) take(name, duration(1));
  }
  const as =
    <T>(kind: string) =>
    (name: string): T | undefined => {
      const value = values.get(name);
      // The table fixes each variable's kind, so this only satisfies the types.
      return typeof value === kind ? (value as T) : undefined;
    };
  const numberOf = as<number>("number");
  return {
    number: numberOf,
    flag: as<boolean>("boolean"),
    text: as<string>("string"),
    timeout(capability) {
      const name = timeoutVariable(capability);
      // WEBHOOK_TIMEOUT_DEFAULT is the general one, also beside a capability of that name.
      const ms = name in VARIABLES ? undefined : numberOf(name);
      return ms === undefined ? undefined : { name, ms };
    },
    read,
  };
}
