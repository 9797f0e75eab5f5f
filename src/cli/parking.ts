import { parkingSchema } from "../admin/routes/parking.ts";
import { ok } from "../core/result.ts";
import type { Command, ExitCode, Io } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { printable } from "./table.ts";

/** `pause`: the deliveries of an app or of one route wait, without spending tries. */
export const pauseCommand = parkingCommand(
  "pause",
  "let deliveries of an app, or of one route, wait; new ones are accepted, other apps are not touched",
);

/** `resume`: they go on. */
export const resumeCommand = parkingCommand(
  "resume",
  "let deliveries of an app, or of one route, go on: also those that wait because the app answered 410",
);

function parkingCommand(verb: "pause" | "resume", description: string): Command {
  return {
    name: verb,
    register(program, io, settle) {
      remoteOptions(program.command(`${verb} <app> [capability]`).description(description)).action(
        async (app: string, capability: string | undefined, options: RemoteOptions) =>
          settle(await park(io, verb, app, capability, options)),
      );
    },
  };
}

function park(
  io: Io,
  verb: "pause" | "resume",
  app: string,
  capability: string | undefined,
  options: RemoteOptions,
): Promise<ExitCode> {
  const of =
    capability === undefined
      ? `/apps/${encodeURIComponent(app)}`
      : `/routes/${encodeURIComponent(app)}/${encodeURIComponent(capability)}`;
  return remotely(io, options, async (client) => {
    const answer = await client.post(`${of}/${verb}`, {}, parkingSchema);
    if (!answer.ok) return answer;
    io.stdout(options.json ? jsonText(answer.value) : parkingText(verb, answer.value));
    return ok(0);
  });
}

function parkingText(
  verb: "pause" | "resume",
  { app, capability, paused }: { readonly app: string; readonly capability: string | null; readonly paused: boolean },
): string {
  const name = printable([app, capability].filter(Boolean).join("/"));
  if (!paused) return `${name} goes on\n`;
  if (verb === "pause") return `${name} is paused: its deliveries wait\n`;
  const all = printable(app);
  return `${name} is no longer paused by itself, and waits on: the whole app is paused (outrigger resume ${all})\n`;
}
