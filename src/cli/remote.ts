import type { Command as Program } from "commander";
import type { Result } from "../core/result.ts";
import { type Client, createClient } from "./client.ts";
import { CONFIG_OPTION, type ExitCode, type Io } from "./command.ts";
import { printable } from "./table.ts";
import { type Failure, findTarget, type TargetOptions } from "./target.ts";

/** What every command that asks a running sidecar can be told. */
export interface RemoteOptions extends TargetOptions {
  readonly json?: true;
}

/** Adds those options to a command. */
export function remoteOptions(command: Program): Program {
  return targetOptions(command).option("--json", "for programs: JSON");
}

/** Those that say which sidecar: for commands that have one form only. */
export function targetOptions(command: Program): Program {
  return command
    .option("--admin <url>", "where the sidecar's admin API is (default: $OUTRIGGER_ADMIN, or as the manifest says)")
    .option("--token <token>", "its token (default: $OUTRIGGER_ADMIN_TOKEN, or as the manifest says)")
    .option(...CONFIG_OPTION);
}

/** Connects, does `act`, and says what went wrong and what to try: the frame of every command here. */
export async function remotely(
  io: Io,
  options: RemoteOptions,
  act: (client: Client) => Promise<Result<ExitCode, Failure>>,
): Promise<ExitCode> {
  const target = findTarget(io, options);
  if (!target.ok) return failed(io, target.error);
  if (target.value.note !== null) io.stderr(`note: ${printable(target.value.note)}\n`);
  await using client = createClient(target.value, io.signal);
  const done = await act(client);
  return done.ok ? done.value : failed(io, done.error);
}

function failed(io: Io, { wrong, hint }: Failure): 1 {
  io.stderr(`error: ${wrong}\n${hint}\n`);
  return 1;
}

/** One JSON document, as `--json` prints it. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
