import type { Command as Program } from "commander";
import type { Clock } from "../core/clock.ts";
import { DEAD_REASONS } from "../core/job.ts";
import { err, ok, type Result } from "../core/result.ts";
import { parseDuration } from "../manifest/units.ts";
import type { Failure } from "./target.ts";

/** Which jobs a command is about: the same options wherever there is a choice. */
export interface FilterOptions {
  readonly app?: string;
  readonly capability?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
}

/** The API's names for them, with what they are to be. */
export type FilterFields = Readonly<Record<string, string>>;

export function filterOptions(command: Program): Program {
  return command
    .option("--app <app>", "only of this app")
    .option("--capability <capability>", "only of this capability")
    .option("--reason <reason>", `only those dead of this: ${DEAD_REASONS.join(", ")}`)
    .option("--since <time>", "only from this time on: RFC 3339, or a span such as 2h for two hours ago")
    .option("--until <time>", "only from before this time");
}

export function filterFields(options: FilterOptions, clock: Pick<Clock, "wall">): Result<FilterFields, Failure> {
  const { app, capability, reason } = options;
  if (reason !== undefined && !DEAD_REASONS.some((known) => known === reason))
    return err({ wrong: `${reason} is no reason`, hint: `There are: ${DEAD_REASONS.join(", ")}` });
  const fields: Record<string, string> = {};
  if (app !== undefined) fields.app = app;
  if (capability !== undefined) fields.capability = capability;
  if (reason !== undefined) fields.reason = reason;
  for (const name of ["since", "until"] as const) {
    const given = options[name];
    if (given === undefined) continue;
    const time = timeOf(given, clock);
    if (time === null)
      return err({ wrong: `${given} is no time`, hint: `Try: --${name} 2h, or --${name} 2026-01-01T00:00:00Z` });
    fields[name] = time;
  }
  return ok(fields);
}

/** A date alone is none: whose midnight would it be? */
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/i;

/** The last that RFC 3339 can write. */
const YEAR_9999 = Date.UTC(9999, 11, 31);

/** A time on the command line as RFC 3339; null for what is none. */
export function timeOf(text: string, clock: Pick<Clock, "wall">): string | null {
  const span = parseDuration(text);
  const unixMs = span !== null ? clock.wall() - span : RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  return unixMs >= 0 && unixMs <= YEAR_9999 ? new Date(unixMs).toISOString() : null;
}

/** As the query of a path, with its `?`; empty without any. */
export function queryOf(fields: FilterFields): string {
  const query = new URLSearchParams(fields).toString();
  return query === "" ? "" : `?${query}`;
}
