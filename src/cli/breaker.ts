import { type BreakerView, breakerSchema } from "../admin/routes/breakers.ts";
import { err, ok } from "../core/result.ts";
import { parseDuration } from "../manifest/units.ts";
import { type Command, type ExitCode, type Io, paint, usage } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type Cell, printable, table } from "./table.ts";

/** `breaker list|show|reset|trip`: what the circuit breakers of a running sidecar do, and telling them to. */
export const breakerCommand: Command = {
  name: "breaker",
  register(program, io, settle) {
    const breaker = program.command("breaker").description("the circuit breakers of a running sidecar");
    remoteOptions(breaker.command("list").description("all of them, each upstream of each route"))
      .option("--app <app>", "only this app")
      .action(async (options: RemoteOptions & { app?: string }) => settle(await list(io, options)));
    remoteOptions(breaker.command("show <app> <capability>").description("those of one route")).action(
      async (app: string, capability: string, options: RemoteOptions) =>
        settle(await show(io, pathOf(app, capability), options)),
    );
    remoteOptions(
      breaker
        .command("reset <app> [capability]")
        .description("close them and forget their counts, of one route or of all routes of an app"),
    ).action(async (app: string, capability: string | undefined, options: RemoteOptions) =>
      settle(
        await (capability === undefined
          ? resetApp(io, app, options)
          : change(io, `${pathOf(app, capability)}/reset`, {}, options)),
      ),
    );
    remoteOptions(breaker.command("trip <app> <capability>").description("open them, so that the fallback answers"))
      .option("--for <duration>", "for this long, as in 90s or 5m (default: as after failures)")
      .action(async (app: string, capability: string, options: RemoteOptions & { for?: string }) =>
        settle(await trip(io, pathOf(app, capability), options)),
      );
  },
};

function pathOf(app: string, capability: string): string {
  return `/circuit-breaker/${encodeURIComponent(app)}/${encodeURIComponent(capability)}`;
}

function list(io: Io, options: RemoteOptions & { app?: string }): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const query = options.app === undefined ? "" : `?app=${encodeURIComponent(options.app)}`;
    const answer = await client.list(`/circuit-breaker/status${query}`, breakerSchema);
    if (!answer.ok) return answer;
    if (options.json) io.stdout(jsonText({ items: answer.value }));
    else if (answer.value.length === 0) io.stdout("no breakers\n");
    else io.stdout(breakerTable(answer.value, io));
    return ok(0);
  });
}

function show(io: Io, path: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.get(path, breakerSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : breakerTable([answer.value], io));
    return ok(0);
  });
}

function change(io: Io, path: string, body: object, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.post(path, body, breakerSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : breakerTable([answer.value], io));
    return ok(0);
  });
}

/** One route after the other: should one fail, those before it are closed, and doing it again does no harm. */
function resetApp(io: Io, app: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const found = await client.list(`/circuit-breaker/status?app=${encodeURIComponent(app)}`, breakerSchema);
    if (!found.ok) return found;
    if (found.value.length === 0)
      return err({
        wrong: `no route of ${printable(app)} has a breaker`,
        hint: "See what there is with: outrigger breaker list",
      });
    const views: BreakerView[] = [];
    for (const { capability } of found.value) {
      const answer = await client.post(`${pathOf(app, capability)}/reset`, {}, breakerSchema);
      if (!answer.ok) return answer;
      views.push(answer.value);
    }
    io.stdout(options.json ? jsonText({ items: views }) : breakerTable(views, io));
    return ok(0);
  });
}

async function trip(io: Io, path: string, options: RemoteOptions & { for?: string }): Promise<ExitCode> {
  if (options.for === undefined) return change(io, `${path}/trip`, {}, options);
  const forMs = parseDuration(options.for);
  if (forMs === null || forMs < 1) return usage(io, `${options.for} is no duration`, "Try: --for 90s, or --for 5m");
  return change(io, `${path}/trip`, { for_ms: forMs }, options);
}

/** A row for each upstream of each route. */
export function breakerTable(views: readonly BreakerView[], io: Io): string {
  const { red, yellow, green, dim } = paint(io);
  const colour = { closed: green, half_open: yellow, open: red };
  const rows = views.flatMap(({ app, capability, upstreams }) =>
    upstreams.map((u): Cell[] => [
      `${app}/${capability}`,
      u.upstream,
      u.enabled ? { text: u.state, paint: colour[u.state] } : { text: "disabled", paint: dim },
      u.since,
      u.trial_due === true ? "due: next call" : (u.until ?? "-"),
      `${u.consecutive_failures} in a row, ${u.window_failures} of ${u.window_total}`,
      u.dry_run ? "dry run" : "",
    ]),
  );
  return table(["ROUTE", "UPSTREAM", "STATE", "SINCE", "UNTIL", "FAILURES", ""], rows, io.columns);
}
