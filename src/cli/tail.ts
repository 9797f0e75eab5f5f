import { setTimeout } from "node:timers/promises";
import { EVENT_TYPES, type EventType } from "../core/events.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Client } from "./client.ts";
import { type Command, type ExitCode, type Io, usage } from "./command.ts";
import { refuseUnknown } from "./known.ts";
import { type RemoteOptions, remotely, remoteOptions } from "./remote.ts";
import { type ServerEvent, serverEvents } from "./sse.ts";
import { createEventLine, isFailure } from "./tail.line.ts";
import type { Failure } from "./target.ts";

/** `tail`: what happens in a running sidecar, as it happens, until interrupted. */
export const tailCommand: Command = {
  name: "tail",
  register(program, io, settle) {
    remoteOptions(program.command("tail").description("events of a running sidecar as they happen; --json: one a line"))
      .option("--app <app>", "only of this app")
      .option("--type <types>", "only of these types, with commas between them")
      .option("--failures", "only failed requests, each with its tries, and failed deliveries")
      .option("--room <room>", "only with this value of the context label room")
      .action(async (options: TailOptions) => settle(await tail(io, options)));
  },
};

interface TailOptions extends RemoteOptions {
  readonly app?: string;
  readonly type?: string;
  readonly failures?: true;
  readonly room?: string;
}

/** What `--failures` asks for. */
const FAILURES: readonly EventType[] = ["request.completed", "delivery.retry", "dlq.added", "verification.failed"];

/** Between tries to come back after a connection was lost. */
const RETRY_MS = 1_000;

async function tail(io: Io, options: TailOptions): Promise<ExitCode> {
  const unknown = options.type?.split(",").find((type) => !(EVENT_TYPES as readonly string[]).includes(type));
  if (unknown !== undefined) return usage(io, `${unknown} is no type of event`, `There are: ${EVENT_TYPES.join(", ")}`);
  if (options.failures && options.type !== undefined)
    return usage(io, "--failures are types of their own", "Give one of --failures and --type");
  const query = new URLSearchParams();
  if (options.failures) query.set("type", FAILURES.join(","));
  for (const name of ["app", "type", "room"] as const) if (options[name] !== undefined) query.set(name, options[name]);
  const printAny = options.json ? (event: ServerEvent) => io.stdout(`${event.data}\n`) : printer(io);
  const print = options.failures ? (event: ServerEvent) => isFailure(event.data) && printAny(event) : printAny;
  return remotely(io, options, async (client) => {
    const unknownApp = options.app === undefined ? null : await refuseUnknown(client, options.app);
    return unknownApp === null ? follow(client, `/events?${query}`, io, print) : err(unknownApp);
  });
}

/** Comes back when the connection is lost, and misses nothing that the sidecar still holds; ends when interrupted. */
async function follow(
  client: Client,
  path: string,
  io: Io,
  print: (event: ServerEvent) => void,
): Promise<Result<ExitCode, Failure>> {
  let lastId: string | null = null;
  let connected = false;
  while (!io.signal.aborted) {
    const opened = await client.stream(path, lastId);
    if (!opened.ok && !connected && !io.signal.aborted) return opened;
    if (opened.ok) {
      connected = true;
      lastId = await printAll(opened.value, lastId, io, print);
    }
    if (io.signal.aborted) break;
    if (opened.ok) io.stderr("the connection was lost; coming back when the sidecar does\n");
    await setTimeout(RETRY_MS, undefined, { signal: io.signal }).catch(() => undefined);
  }
  return ok(0);
}

/** Prints until the stream ends, however it does. Returns the id of the last event. */
async function printAll(
  body: AsyncIterable<Uint8Array>,
  after: string | null,
  io: Io,
  print: (event: ServerEvent) => void,
): Promise<string | null> {
  let lastId = after;
  try {
    for await (const event of serverEvents(body)) {
      if (event.event === "gap") io.stderr("some events were missed\n");
      else print(event);
      lastId = event.id ?? lastId;
    }
  } catch {
    // Cut off: by us, by the sidecar that stops, or by the network. Coming back is the answer to all three.
  }
  return lastId;
}

/** For people: terse, a line each; an event whose line would say the same again has none. */
function printer(io: Io): (event: ServerEvent) => void {
  const lineOf = createEventLine(io);
  return ({ data }) => {
    const line = lineOf(data);
    if (line !== null) io.stdout(`${line}\n`);
  };
}
