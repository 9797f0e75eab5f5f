import { type SampleView, sampleSchema } from "../admin/routes/samples.ts";
import { ok } from "../core/result.ts";
import { type Command, type ExitCode, type Io, paint, usage } from "./command.ts";
import { millis } from "./metrics.text.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type Cell, table } from "./table.ts";

/** `samples`: single calls of a route. */
export const samplesCommand: Command = {
  name: "samples",
  register(program, io, settle) {
    remoteOptions(
      program
        .command("samples <app> <capability>")
        .description("single calls of a route, newest first, as history.samples keeps them"),
    )
      .option("--failures", "only those that did not succeed")
      .option("--limit <n>", "at most this many", "50")
      .action(async (app: string, capability: string, options: SampleOptions) =>
        settle(await samples(io, app, capability, options)),
      );
  },
};

interface SampleOptions extends RemoteOptions {
  readonly failures?: true;
  readonly limit: string;
}

const MAX_LIMIT = 100_000;

async function samples(io: Io, app: string, capability: string, options: SampleOptions): Promise<ExitCode> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    return usage(io, `${options.limit} is no limit`, `Try: --limit 100; at most ${MAX_LIMIT}`);
  const path = `/webhook-metrics/${encodeURIComponent(app)}/${encodeURIComponent(capability)}/samples`;
  return remotely(io, options, async (client) => {
    const answer = await client.head(path + (options.failures ? "?failures=true" : ""), sampleSchema, limit);
    if (!answer.ok) return answer;
    const { items, more } = answer.value;
    if (options.json) io.stdout(jsonText({ items }));
    else if (items.length > 0) io.stdout(sampleTable(items, io));
    else io.stdout(`no ${options.failures ? "failed calls" : "calls"} are kept\n`);
    if (more) io.stderr(`there are more: see them with --limit ${Math.min(limit * 10, MAX_LIMIT)}\n`);
    return ok(0);
  });
}

function sampleTable(views: readonly SampleView[], io: Io): string {
  const { green, red, dim } = paint(io);
  const rows = views.map(
    ({ at, outcome, success, error, status, duration_ms: ms, attempts, request_id: id }): Cell[] => [
      at,
      { text: outcome, paint: success === null ? dim : success ? green : red },
      error ?? "-",
      status === 0 ? "-" : String(status),
      millis(ms),
      String(attempts),
      id,
    ],
  );
  return table(["AT", "OUTCOME", "ERROR", "STATUS", "TOOK", "SENDS", "REQUEST"], rows);
}
