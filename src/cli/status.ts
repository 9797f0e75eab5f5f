import { appHealthSchema } from "../admin/health.ts";
import { breakerSchema } from "../admin/routes/breakers.ts";
import { type StatusView, statusSchema } from "../admin/routes/status.ts";
import { ok } from "../core/result.ts";
import { spanText } from "./amount.ts";
import { appNotes, appTable } from "./apps.table.ts";
import { breakerTable } from "./breaker.ts";
import { type Command, type ExitCode, type Io, paint } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { spoolLine, spoolTable } from "./status.spool.ts";
import { printable } from "./table.ts";

/** `status`: a running sidecar at a glance. Exit code 1 when it is not ready. */
export const statusCommand: Command = {
  name: "status",
  register(program, io, settle) {
    remoteOptions(program.command("status").description("a running sidecar at a glance; exit 1 when not ready")).action(
      async (options: RemoteOptions) => settle(await status(io, options)),
    );
  },
};

function status(io: Io, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.get("/status", statusSchema);
    if (!answer.ok) return answer;
    if (options.json) io.stdout(jsonText(answer.value));
    else {
      io.stdout(statusText(answer.value, io));
      io.stdout(spoolTable(answer.value.spool, io));
      for (const state of ["unhealthy", "degraded"] as const) {
        if ((answer.value.apps?.[state] ?? 0) === 0) continue;
        const apps = await client.list(`/health/apps?status=${state}`, appHealthSchema);
        if (!apps.ok) return apps;
        if (apps.value.length > 0) io.stdout(`\n${appTable(apps.value, io)}${appNotes(apps.value)}`);
      }
      for (const state of ["open", "half_open"] as const) {
        if (answer.value.breakers[state] === 0) continue;
        const breakers = await client.list(`/circuit-breaker/status?state=${state}`, breakerSchema);
        if (!breakers.ok) return breakers;
        if (breakers.value.length > 0) io.stdout(`\n${breakerTable(breakers.value, io)}`);
      }
    }
    return ok(answer.value.ready ? 0 : 1);
  });
}

/** Lines of our own words and numbers, with colour in them. */
const PAINTED: ReadonlySet<string> = new Set(["apps", "breakers", "spool"]);

function statusText(view: StatusView, io: Io): string {
  const { red, green, yellow, bold } = paint(io);
  const { manifest, breakers } = view;
  const ready = view.ready ? green("ready") : red(`not ready: ${printable(view.reasons.join("; "))}`);
  const states = [
    `${breakers.closed} closed`,
    ...(breakers.half_open > 0 ? [yellow(`${breakers.half_open} half-open`)] : []),
    ...(breakers.open > 0 ? [red(`${breakers.open} open`)] : []),
  ];
  const warnings = manifest.warnings > 0 ? `, ${manifest.warnings} warnings` : "";
  const busy = Object.entries(view.in_flight).filter(([, requests]) => requests > 0);
  const lines: [name: string, text: string][] = [
    ["proxy", view.listen.proxy],
    ["admin", view.listen.admin],
    [
      "manifest",
      `revision ${manifest.revision} (${manifest.hash.slice(0, 12)}) by ${manifest.by}, ${manifest.applied_at}${warnings}`,
    ],
    ["routes", String(view.routes)],
    ...(view.apps === undefined ? [] : [["apps", appsLine(view.apps, io)] as [name: string, text: string]]),
    ["breakers", states.join(", ")],
    ["in flight", busy.map(([app, requests]) => `${app} ${requests}`).join(", ") || "nothing"],
  ];
  // A sidecar of an older version has none.
  if (view.redis) lines.push(["redis", redisLine(view.redis)]);
  if (view.spool !== undefined) lines.push(["spool", spoolLine(view.spool, io)]);
  const title = `${bold(`outrigger ${printable(view.version)}`)} on Node ${printable(view.node)}, up ${spanText(view.uptime_ms)}, ${ready}\n`;
  const facts = lines.map(([name, text]) => `${name.padEnd(10)} ${PAINTED.has(name) ? text : printable(text)}\n`);
  return title + facts.join("") + rejectedText(view, io);
}

function redisLine({ server, up, since, shared, spool }: NonNullable<StatusView["redis"]>): string {
  const uses = [...(spool ? ["spool"] : []), ...shared].join(", ");
  if (up) return `${server}, for ${uses}`;
  const meaning = [
    ...(spool ? ["asynchronous calls are refused"] : []),
    ...(shared.length > 0 ? ["each replica goes by its own state"] : []),
  ];
  return [`AWAY since ${since}: ${server}, for ${uses}`, ...meaning].join("; ");
}

function appsLine(apps: NonNullable<StatusView["apps"]>, io: Io): string {
  const { red, yellow } = paint(io);
  const parts = [
    ...(apps.unhealthy > 0 ? [red(`${apps.unhealthy} unhealthy`)] : []),
    ...(apps.degraded > 0 ? [yellow(`${apps.degraded} degraded`)] : []),
    ...(apps.healthy > 0 ? [`${apps.healthy} healthy`] : []),
    ...(apps.unknown > 0 ? [`${apps.unknown} unknown`] : []),
    ...(apps.pinned > 0 ? [yellow(`${apps.pinned} pinned`)] : []),
  ];
  return parts.join(", ") || "none";
}

/** What an operator must see first after a reload that changed nothing. */
function rejectedText({ rejected, manifest }: StatusView, io: Io): string {
  if (!rejected) return "";
  const { at, by, count, problems } = rejected;
  const head = `the last reload was refused (by ${by}, ${at}); revision ${manifest.revision} stays in force:`;
  const more =
    count > problems.length ? [`and ${count - problems.length} more; outrigger check FILE tells them all`] : [];
  const lines = [...problems, ...more].map((line) => `  ${printable(line)}\n`);
  return `\n${paint(io).red(printable(head))}\n${lines.join("")}`;
}
