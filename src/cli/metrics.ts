import { WINDOWS } from "../admin/calls.range.ts";
import { type CallLineView, callSeriesSchema } from "../admin/calls.ts";
import { type CallOverviewView, callOverviewSchema } from "../admin/routes/webhook-metrics.ts";
import type { Clock } from "../core/clock.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Client } from "./client.ts";
import { type Command, type ExitCode, type Io, usage } from "./command.ts";
import { type FilterFields, queryOf, timeOf } from "./filters.ts";
import { linesText, routeText } from "./metrics.text.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import type { Failure } from "./target.ts";

/** `metrics`: what became of calls over a span of time, and how long they took. */
export function metricsCommand(clock: Pick<Clock, "wall">): Command {
  return {
    name: "metrics",
    register(program, io, settle) {
      remoteOptions(
        program
          .command("metrics [app] [capability]")
          .description("calls over a span of time, app by app; of an app by route; of a route as it went"),
      )
        .option("--window <span>", "1h, 24h or 7d up to now (default: 1h)")
        .option("--from <time>", "in its place: RFC 3339, or a span such as 3h for three hours ago")
        .option("--to <time>", "with --from: until then (default: now)")
        .option("--step <span>", "how fine, as in 5m, 1h or 1d")
        .action(async (app: string | undefined, capability: string | undefined, options: MetricsOptions) =>
          settle(await metrics(io, app, capability, options, clock)),
        );
    },
  };
}

interface MetricsOptions extends RemoteOptions {
  readonly window?: string;
  readonly from?: string;
  readonly to?: string;
  readonly step?: string;
}

/** Lines of one request; and of them all, more than a manifest has. */
const LINES_AT_ONCE = 1_000;
const MAX_LINES = 100_000;

async function metrics(
  io: Io,
  app: string | undefined,
  capability: string | undefined,
  options: MetricsOptions,
  clock: Pick<Clock, "wall">,
): Promise<ExitCode> {
  const fields = rangeFields(options, clock);
  if (!fields.ok) return usage(io, fields.error.wrong, fields.error.hint);
  const path = ["/webhook-metrics", app, capability]
    .filter((part) => part !== undefined)
    .map(encoded)
    .join("/");
  return remotely(io, options, async (client) => {
    if (capability !== undefined) {
      const answer = await client.get(path + queryOf(fields.value), callSeriesSchema);
      if (!answer.ok) return answer;
      io.stdout(options.json ? jsonText(answer.value) : routeText(answer.value, io));
      return ok(0);
    }
    const answer = await withLines(client, path, { ...fields.value, by: app === undefined ? "app" : "route" });
    if (!answer.ok) return answer;
    const { lines, ...whole } = answer.value;
    io.stdout(options.json ? jsonText(answer.value) : linesText(whole, lines?.items ?? [], io));
    return ok(0);
  });
}

const encoded = (part: string, place: number): string => (place === 0 ? part : encodeURIComponent(part));

/** The whole with all its lines, part by part. */
async function withLines(
  client: Client,
  path: string,
  fields: FilterFields,
): Promise<Result<CallOverviewView, Failure>> {
  const items: CallLineView[] = [];
  let cursor: FilterFields = {};
  for (;;) {
    const query = queryOf({ ...fields, limit: String(LINES_AT_ONCE), ...cursor });
    const answer = await client.get(path + query, callOverviewSchema);
    if (!answer.ok) return answer;
    items.push(...(answer.value.lines?.items ?? []));
    const next = answer.value.lines?.next ?? null;
    if (next === null || items.length >= MAX_LINES) return ok({ ...answer.value, lines: { items, next } });
    cursor = { cursor: next };
  }
}

function rangeFields(options: MetricsOptions, clock: Pick<Clock, "wall">): Result<FilterFields, Failure> {
  const { window, step } = options;
  // Any other span up to now has another option.
  if (window !== undefined && !WINDOWS.some((known) => known === window)) {
    const span = timeOf(window, clock) === null ? "3h" : window;
    return err({ wrong: `${window} is none of ${WINDOWS.join(", ")}`, hint: `Try: --from ${span}` });
  }
  const fields: Record<string, string> = {
    ...(window !== undefined && { window }),
    ...(step !== undefined && { step }),
  };
  for (const name of ["from", "to"] as const) {
    const given = options[name];
    if (given === undefined) continue;
    const time = timeOf(given, clock);
    if (time === null)
      return err({ wrong: `${given} is no time`, hint: `Try: --${name} 3h, or --${name} 2026-01-01T00:00:00Z` });
    fields[name] = time;
  }
  return ok(fields);
}
