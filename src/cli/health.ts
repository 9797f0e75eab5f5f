import { type WebhookHealthView, webhookHealthSchema } from "../admin/routes/webhook-health.ts";
import { ok } from "../core/result.ts";
import { type Command, type ExitCode, type Io, paint } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { printable } from "./table.ts";

/** `health`: is all well with a running sidecar, and if not, why. Exit code 1 unless it is. */
export const healthCommand: Command = {
  name: "health",
  register(program, io, settle) {
    remoteOptions(
      program.command("health").description("is all well with a running sidecar, and if not, why; exit 1 unless it is"),
    ).action(async (options: RemoteOptions) => settle(await health(io, options)));
  },
};

function health(io: Io, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.get("/webhook-health", webhookHealthSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : healthText(answer.value, io));
    return ok(answer.value.status === "healthy" ? 0 : 1);
  });
}

function healthText({ status, reasons, reasons_total: total }: WebhookHealthView, io: Io): string {
  const { green, yellow, red } = paint(io);
  const colours = { healthy: green, degraded: yellow, unhealthy: red };
  const lines = reasons.map(({ severity, message }) => `${colours[severity]("●")} ${printable(message)}\n`);
  const more = total > reasons.length ? `and ${total - reasons.length} more\n` : "";
  return `${colours[status](status)}\n${lines.join("")}${more}`;
}
