import { type FailoverView, failoverSchema, type MoveView } from "../admin/health.ts";
import { failoverDetailSchema } from "../admin/routes/failover.ts";
import { ok } from "../core/result.ts";
import { spanText, tookText } from "./amount.ts";
import { appNotes, standingCells, statusCell } from "./apps.table.ts";
import { type Command, type ExitCode, type Io, paint, usage } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type Cell, printable, table } from "./table.ts";

/** `failover show|switch|release`: where the traffic of apps goes, and moving it. */
export const failoverCommand: Command = {
  name: "failover",
  register(program, io, settle) {
    const failover = program.command("failover").description("which upstream has the traffic of an app, and moving it");
    remoteOptions(
      failover.command("show [app]").description("where the traffic of each app goes; of one app, each time it moved"),
    )
      .option("--limit <n>", "of one app: at most this many moves", "20")
      .action(async (app: string | undefined, options: ShowOptions) =>
        settle(await (app === undefined ? list(io, options) : show(io, app, options))),
      );
    remoteOptions(
      failover
        .command("switch <app> <upstream>")
        .description("pin the traffic of an app to one of its upstreams, even one that is away, until it is released"),
    ).action(async (app: string, upstream: string, options: RemoteOptions) =>
      settle(await change(io, `${pathOf(app)}/switch`, { to: upstream }, options, upstream)),
    );
    remoteOptions(
      failover.command("release <app>").description("let the health of the app's upstreams choose again"),
    ).action(async (app: string, options: RemoteOptions) =>
      settle(await change(io, `${pathOf(app)}/release`, {}, options)),
    );
  },
};

interface ShowOptions extends RemoteOptions {
  readonly limit: string;
}

const MAX_LIMIT = 1_000;

function pathOf(app: string): string {
  return `/failover/${encodeURIComponent(app)}`;
}

function list(io: Io, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.list("/failover", failoverSchema);
    if (!answer.ok) return answer;
    if (options.json) io.stdout(jsonText({ items: answer.value }));
    else if (answer.value.length === 0) io.stdout("no apps\n");
    else io.stdout(standingTable(answer.value, io) + appNotes(answer.value));
    return ok(0);
  });
}

async function show(io: Io, app: string, options: ShowOptions): Promise<ExitCode> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    return usage(io, `${options.limit} is no limit`, `Try: --limit 100; at most ${MAX_LIMIT}`);
  return remotely(io, options, async (client) => {
    const answer = await client.get(`${pathOf(app)}?limit=${limit}`, failoverDetailSchema);
    if (!answer.ok) return answer;
    const { moves } = answer.value;
    if (options.json) io.stdout(jsonText(answer.value));
    else {
      io.stdout(standingTable([answer.value], io) + appNotes([answer.value]));
      if (moves !== null) io.stdout(`\n${movesTable(moves.items, io)}`);
    }
    if (moves === null) io.stderr("the history does not answer: outrigger status and the sidecar's log say more\n");
    else if (moves.next !== null && limit < MAX_LIMIT)
      io.stderr(`there are more moves: see them with --limit ${Math.min(limit * 10, MAX_LIMIT)}\n`);
    return ok(0);
  });
}

/** `to`: where somebody moved the traffic. */
function change(io: Io, path: string, body: object, options: RemoteOptions, to?: string): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.post(path, body, failoverSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : standingTable([answer.value], io) + appNotes([answer.value]));
    const target = answer.value.upstreams.find(({ upstream }) => upstream === to);
    if (target !== undefined) io.stderr(warningOf(target));
    return ok(0);
  });
}

/** An operator may mean it, before a start say; one who mistook the name must see it now. */
function warningOf({ upstream, status, standing }: FailoverView["upstreams"][number]): string {
  if (status !== "unhealthy" && standing !== "away") return "";
  const how = status === "unhealthy" ? "is unhealthy" : "was left because calls failed";
  return `warning: ${printable(upstream)} ${how}: calls go there all the same, until it is released or switched again\n`;
}

/** A row for each upstream of each app; that with the traffic is marked. */
function standingTable(views: readonly FailoverView[], io: Io): string {
  const rows = views.flatMap(({ app, upstreams }) =>
    upstreams.map((one): Cell[] => [
      app,
      ...standingCells(one, io),
      statusCell(one.status, io),
      one.since,
      one.cause ?? "-",
      holdText(one),
    ]),
  );
  return table(["APP", "", "UPSTREAM", "STANDING", "HEALTH", "SINCE", "CAUSE", "HOLD LEFT"], rows, io.columns);
}

function holdText({ hold_left_ms: left }: FailoverView["upstreams"][number]): string {
  return left === null ? "-" : spanText(left);
}

function movesTable(moves: readonly MoveView[], io: Io): string {
  if (moves.length === 0) return "its traffic never moved\n";
  const { yellow, green } = paint(io);
  const rows = moves.map(({ at, kind, from, to, reason, duration_ms: ms, by }): Cell[] => [
    at,
    { text: kind, paint: kind === "failover" ? yellow : green },
    from ?? "-",
    to ?? "-",
    reason,
    tookText(ms),
    by ?? "",
  ]);
  return table(["AT", "MOVE", "FROM", "TO", "REASON", "TOOK", "BY"], rows, io.columns);
}
