import { CommanderError, Command as Program } from "commander";
import type { Command, ExitCode, Io } from "./command.ts";

/**
 * Runs one command line and gives its exit code: 0 done, 1 it found a problem, 2 wrong usage (with a hint).
 * `argv` is without node and script. A bug in a command rejects: the process edge reports it.
 */
export async function runCli(
  argv: readonly string[],
  io: Io,
  commands: readonly Command[],
  version = "unknown",
): Promise<number> {
  let code: ExitCode = 0;
  const program = new Program("outrigger")
    .description("A webhook sidecar: whatever the app does, its callers have an answer in time.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "what a command does and which options it has")
    .showSuggestionAfterError()
    .showHelpAfterError("Try: outrigger help, or outrigger help COMMAND")
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      getOutHasColors: () => io.isTTY,
      getErrHasColors: () => io.isTTY,
    })
    .exitOverride();
  for (const command of commands) {
    command.register(program, io, (settled) => {
      code = settled;
    });
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Asking for help or the version is no mistake; everything else that commander stops at is.
    return error.exitCode === 0 ? 0 : 2;
  }
  return code;
}
