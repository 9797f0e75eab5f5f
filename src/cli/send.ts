import type { Random } from "../core/random.ts";
import { err, ok, type Result } from "../core/result.ts";
import { parseDuration } from "../manifest/units.ts";
import type { Client } from "./client.ts";
import { type Command, type ExitCode, type Io, usage } from "./command.ts";
import { jsonText, type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { ask, type Told } from "./send.ask.ts";
import { type Call, callOf, type Given, readBody } from "./send.call.ts";
import { sentJson, sentText } from "./send.text.ts";
import type { Failure } from "./target.ts";

/** `send APP CAPABILITY`: a test call through a running sidecar, with every try shown. Exit code 1 where it failed. */
export function sendCommand(random: Pick<Random, "bytes">): Command {
  return {
    name: "send",
    register(program, io, settle) {
      remoteOptions(
        program
          .command("send <app> <capability>")
          .description("a test call through a running sidecar, with every try shown"),
      )
        .option("--data <body>", "the body; @FILE is read from there, @- from stdin")
        .option("--method <method>", "default: POST, or what the route takes")
        .option("--path <path>", "where the route matches a pattern, and for a query")
        .option(
          "-H, --header <name: value>",
          "a request header (repeatable)",
          (one: string, all: readonly string[] | undefined) => [...(all ?? []), one],
        )
        .option("--proxy <url>", "where callers reach the sidecar (default: as its status says)")
        .option("--wait <span>", "of an async route: how long its delivery is waited for", "10s")
        .action(async (app: string, capability: string, options: Options) =>
          settle(await send(io, { app, capability }, options, random)),
        );
    },
  };
}

type Options = RemoteOptions & Given & { readonly data?: string; readonly wait: string };

async function send(
  io: Io,
  route: { readonly app: string; readonly capability: string },
  options: Options,
  random: Pick<Random, "bytes">,
): Promise<ExitCode> {
  const waitMs = parseDuration(options.wait);
  if (waitMs === null) return usage(io, `${options.wait} is no span of time`, "Try: --wait 30s");
  const wrong = options.header?.find((line) => !/^[^:\s]+:/.test(line));
  if (wrong !== undefined) return usage(io, `${wrong} is no header`, 'Try: -H "X-Event: winner"');
  const body = await readBody(io, options.data);
  if (!body.ok) return usage(io, body.error.wrong, body.error.hint);
  return remotely(io, options, async (client) => {
    const call = await callOf(client, route, options, body.value, random.bytes(16).toString("hex"));
    if (!call.ok) return call;
    const told = await sendAndListen(client, call.value, waitMs, io);
    if (!told.ok) return told;
    io.stdout(options.json ? jsonText(sentJson(call.value, told.value)) : sentText(call.value, told.value, io));
    return ok(/^(failed|rejected)/.test(told.value.answer.outcome) || told.value.delivery?.state === "dead" ? 1 : 0);
  });
}

function sendAndListen(client: Client, call: Call, waitMs: number, io: Io): Promise<Result<Told, Failure>> {
  return ask(client, call, waitMs, io.signal).catch((error: Error) =>
    err({
      wrong: `nothing answers at ${call.url} (${error.message})`,
      hint: "Name where callers reach the sidecar with --proxy URL, as https:// where it speaks TLS",
    }),
  );
}
