import { testSchema } from "../admin/routes/notifications.ts";
import { ok } from "../core/result.ts";
import type { Command, ExitCode, Io } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { table } from "./table.ts";

/** `notify test`: does a channel work? */
export const notifyCommand: Command = {
  name: "notify",
  register(program, io, settle) {
    const notify = program.command("notify").description("the channels of notifications");
    remoteOptions(
      notify
        .command("test <channel>")
        .description("send a test message through a channel now, and say what came of it"),
    ).action(async (channel: string, options: RemoteOptions) => settle(await test(io, channel, options)));
  },
};

/** A channel's own time is at most a minute. */
const TIMEOUT_MS = 70_000;

function test(io: Io, channel: string, options: RemoteOptions): Promise<ExitCode> {
  return remotely(io, options, async (client) => {
    const answer = await client.post("/notifications/test", { channel }, testSchema, TIMEOUT_MS);
    if (!answer.ok) return answer;
    const { sent, status, detail } = answer.value;
    if (options.json) io.stdout(jsonText(answer.value));
    else {
      const row = [channel, sent ? "sent" : "not sent", status === 0 ? "-" : String(status), detail ?? ""];
      io.stdout(table(["CHANNEL", "RESULT", "STATUS", "WHY"], [row]));
    }
    return ok(sent ? 0 : 1);
  });
}
