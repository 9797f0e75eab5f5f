import { type AlertView, alertSchema } from "../admin/alerts.ts";
import { ok } from "../core/result.ts";
import { parseDuration } from "../manifest/units.ts";
import { registerRules } from "./alerts.rules.ts";
import { type Command, type ExitCode, type Io, paint, usage } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type Cell, table } from "./table.ts";

/** `alerts list|rules|silence|unsilence`: what fires in a running sidecar, by which rules, and keeping it quiet. */
export const alertsCommand: Command = {
  name: "alerts",
  register(program, io, settle) {
    const alerts = program.command("alerts").description("what fires in a running sidecar, and by which rules");
    remoteOptions(alerts.command("list").description("those that fire, and those that were over lately"))
      .option("--state <state>", `only these: ${STATES.join(", ")}`)
      .option("--app <app>", "only of this app")
      .action(async (options: ListOptions) => settle(await list(io, options)));
    registerRules(alerts, io, settle);
    remoteOptions(alerts.command("silence <id>").description("send nothing of an alert for a while"))
      .requiredOption("--for <duration>", "for this long, as in 30m or 2h")
      .option("--reason <text>", "why, for those who see it")
      .action(async (id: string, options: SilenceOptions) => settle(await silence(io, id, options)));
    remoteOptions(alerts.command("unsilence <id>").description("speak of an alert again")).action(
      async (id: string, options: RemoteOptions) => settle(await change(io, id, "unsilence", {}, options)),
    );
  },
};

const STATES = ["firing", "resolved", "silenced", "pending"];

interface ListOptions extends RemoteOptions {
  readonly state?: string;
  readonly app?: string;
}

interface SilenceOptions extends RemoteOptions {
  readonly for: string;
  readonly reason?: string;
}

async function list(io: Io, { state, app, ...options }: ListOptions): Promise<ExitCode> {
  if (state !== undefined && !STATES.includes(state))
    return usage(io, `${state} is no state of an alert`, `Try: --state ${STATES.join(", or --state ")}`);
  const query = new URLSearchParams({ ...(state && { state }), ...(app && { app }) }).toString();
  return remotely(io, options, async (client) => {
    const answer = await client.list(`/alerts${query === "" ? "" : `?${query}`}`, alertSchema);
    if (!answer.ok) return answer;
    if (options.json) io.stdout(jsonText({ items: answer.value }));
    else if (answer.value.length === 0) io.stdout(state === undefined ? "no alerts\n" : `no ${state} alerts\n`);
    else io.stdout(alertTable(answer.value, io));
    return ok(0);
  });
}

async function silence(io: Io, id: string, { for: span, reason, ...options }: SilenceOptions): Promise<ExitCode> {
  const ms = parseDuration(span);
  if (ms === null || ms < 1000) return usage(io, `${span} is no such duration`, "Try: --for 30m, or --for 2h");
  return change(io, id, "silence", { for: span, ...(reason !== undefined && { reason }) }, options);
}

function change(io: Io, id: string, verb: string, body: object, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.post(`/alerts/${encodeURIComponent(id)}/${verb}`, body, alertSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : alertTable([answer.value], io));
    return ok(0);
  });
}

/** What fires first, then what is to, then what is over. */
function alertTable(views: readonly AlertView[], io: Io): string {
  const { red, yellow, green } = paint(io);
  const colour = { firing: red, pending: yellow, resolved: green };
  const order = ["firing", "pending", "resolved"];
  const rows = views
    .toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
    .map((alert): Cell[] => [
      { text: alert.state, paint: colour[alert.state] },
      alert.state === "resolved" ? (alert.resolved_at ?? alert.since) : alert.since,
      alert.id,
      alert.summary,
      alert.silence === null ? "" : `silenced until ${alert.silence.until} by ${alert.silence.by}`,
    ]);
  return table(["STATE", "SINCE", "ALERT", "WHAT", ""], rows);
}
