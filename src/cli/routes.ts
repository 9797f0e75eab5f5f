import { type RouteView, routeSchema } from "../admin/routes/status.ts";
import { ok } from "../core/result.ts";
import { formatDuration } from "../manifest/units.ts";
import { type Command, type ExitCode, type Io, paint } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type Cell, table } from "./table.ts";

/** `routes`: what a running sidecar answers, and where it sends it. */
export const routesCommand: Command = {
  name: "routes",
  register(program, io, settle) {
    remoteOptions(program.command("routes").description("the routes of a running sidecar"))
      .option("--app <app>", "only this app")
      .action(async (options: RemoteOptions & { app?: string }) => settle(await routes(io, options)));
  },
};

function routes(io: Io, options: RemoteOptions & { app?: string }): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const query = options.app === undefined ? "" : `?app=${encodeURIComponent(options.app)}`;
    const answer = await client.list(`/routes${query}`, routeSchema);
    if (!answer.ok) return answer;
    if (options.json) io.stdout(jsonText({ items: answer.value }));
    else if (answer.value.length === 0) io.stdout("no routes\n");
    else io.stdout(routeTable(answer.value, io));
    return ok(0);
  });
}

function routeTable(views: readonly RouteView[], io: Io): string {
  const { red, yellow } = paint(io);
  const colour = { half_open: yellow, open: red };
  const rows = views.map((route): Cell[] => {
    const troubled = route.upstreams.map(({ breaker }) => breaker).filter((b) => b === "open" || b === "half_open");
    const [worst] = troubled.toSorted().toReversed();
    return [
      `${route.app}/${route.capability}`,
      route.mode,
      matchText(route),
      formatDuration(route.timeout_ms),
      String(route.attempts),
      route.fallback.join(", ") || "none",
      {
        text: route.upstreams.map((upstream) => upstreamText(upstream, route.upstreams.length > 1)).join(", "),
        paint: worst === undefined ? (text) => text : colour[worst],
      },
    ];
  });
  return table(["ROUTE", "MODE", "MATCH", "TIMEOUT", "TRIES", "FALLBACK", "UPSTREAMS"], rows, io.columns);
}

function matchText({ match }: RouteView): string {
  const headers = Object.entries(match.headers).map(([name, value]) => ` ${name}: ${value}`);
  return `${match.methods?.join(",") ?? "any"} ${match.host ?? ""}${match.path}${headers.join("")}`;
}

/** Where a route has several, one may be the active one. */
function upstreamText({ name, url, breaker, active }: RouteView["upstreams"][number], several: boolean): string {
  const notes = [
    ...(several && active === true ? ["active"] : []),
    ...(breaker === "open" || breaker === "half_open" ? [`breaker ${breaker}`] : []),
  ];
  return `${name} ${url}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`;
}
