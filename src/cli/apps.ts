import { type AppDetailView, appDetailSchema, appHealthSchema } from "../admin/health.ts";
import { ok } from "../core/result.ts";
import { appNotes, appTable } from "./apps.table.ts";
import { type Command, type ExitCode, type Io, paint } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { printable } from "./table.ts";

/** `apps`: how the apps of a running sidecar and their upstreams are. */
export const appsCommand: Command = {
  name: "apps",
  register(program, io, settle) {
    remoteOptions(
      program
        .command("apps [app]")
        .description("how the apps of a running sidecar are, upstream by upstream; of one app with its last checks"),
    ).action(async (app: string | undefined, options: RemoteOptions) =>
      settle(await (app === undefined ? list(io, options) : show(io, app, options))),
    );
  },
};

function list(io: Io, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.list("/health/apps", appHealthSchema);
    if (!answer.ok) return answer;
    if (options.json) io.stdout(jsonText({ items: answer.value }));
    else if (answer.value.length === 0) io.stdout("no apps\n");
    else io.stdout(appTable(answer.value, io) + appNotes(answer.value));
    return ok(0);
  });
}

function show(io: Io, app: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.get(`/health/apps/${encodeURIComponent(app)}`, appDetailSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : detailText(answer.value, io));
    return ok(0);
  });
}

/** Of what an app says of itself this much is shown; `--json` has all of it. */
const SHOWN_DETAILS = 2_048;

function detailText(view: AppDetailView, io: Io): string {
  const upstreams = view.upstreams.map((upstream) => `\n${upstreamText(upstream, io)}`);
  return `${appTable([view], io)}${appNotes([view])}${upstreams.join("")}`;
}

type UpstreamDetail = AppDetailView["upstreams"][number];

function upstreamText(view: UpstreamDetail, io: Io): string {
  const { last_check: check, cause, since } = view;
  const facts: [name: string, text: string | null][] = [
    ["standing", `${view.standing} since ${since}${cause === null ? "" : ` (${cause})`}`],
    ["last check", check === null ? "none yet" : checkText(check) + sinceText(check, view)],
    ["details", detailsText(check)],
    ["calls", callsText(view)],
    ["last error", failureText(view.last_failure)],
    ["well since", view.well_since],
    ["returns at", view.returns_at],
  ];
  const lines = facts.flatMap(([name, text]) => (text === null ? [] : [`${name.padEnd(10)} ${printable(text)}\n`]));
  return `${paint(io).bold(printable(`${view.upstream} ${view.url}`))}\n${lines.join("")}`;
}

function checkText(check: NonNullable<UpstreamDetail["last_check"]>): string {
  const { at, status, answered, http_status: http, duration_ms: ms, reason, proxy_error: error, detail } = check;
  const why = [reason, error, detail].filter((part) => part !== null).join(", ");
  const answer = answered ? `${http} in ${Math.round(ms)}ms` : `no answer in ${Math.round(ms)}ms`;
  return `${at}: ${status}, ${answer}${why === "" ? "" : ` (${why})`}`;
}

/** A single upstream is checked seldom, and how it is now is known of its calls. */
function sinceText(check: NonNullable<UpstreamDetail["last_check"]>, { status }: UpstreamDetail): string {
  if (status === "healthy" && check.status === "unhealthy") return "; calls since then went well";
  return status === "unhealthy" && check.status === "healthy" ? "; calls since then failed" : "";
}

function failureText(failure: UpstreamDetail["last_failure"]): string | null {
  if (failure === null) return null;
  const { at, reason, http_status: http, detail } = failure;
  return `${at}: ${[reason, http === 0 ? null : String(http), detail].filter((part) => part !== null).join(", ")}`;
}

function detailsText(check: UpstreamDetail["last_check"]): string | null {
  if (check?.details == null) return null;
  const text = JSON.stringify(check.details);
  return text.length > SHOWN_DETAILS ? `${text.slice(0, SHOWN_DETAILS)}… (--json has all of it)` : text;
}

function callsText({ samples, response_ms: ms, success_rate: rate }: UpstreamDetail): string {
  if (samples === 0) return "none lately";
  const mean = ms === null ? "" : `, ${Math.round(ms)}ms on average`;
  return `${samples} lately${mean}${rate === null ? "" : `, ${Math.round(rate * 10) / 10} % well`}`;
}
