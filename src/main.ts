#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { type App, startApp } from "./app.ts";
import type { Command, Io } from "./cli/command.ts";
import { runCli } from "./cli/program.ts";
import { serveCommand } from "./cli/serve.ts";
import type { MoveSpool } from "./cli/spool.move.ts";
import { systemClock } from "./core/clock.ts";
import { errorText } from "./core/error.text.ts";
import { shrinkHeap } from "./core/heap.ts";
import { systemRandom } from "./core/random.ts";

/** The process edge: argv, environment, signals and exit code; nothing else reads them. */

const stopping = new AbortController();
// The first signal ends in order; a second one means now. 128 + its number is what shells show for a signal's death.
const onSignal = (signal: NodeJS.Signals): void => {
  if (stopping.signal.aborted) process.exit(128 + constants.signals[signal]);
  stopping.abort();
};
process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);

let app: App | null = null;
// A bug: what state it left behind nobody knows, so nothing goes on. Rejections that nobody handled come here, too.
process.on("uncaughtException", (error) => {
  process.stderr.write(`${app?.crashed(error) ?? errorText(error)}\n`);
  process.exit(1);
});
process.on("exit", () => app?.flushLog());

const io: Io = {
  env: process.env,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTTY: process.stdout.isTTY === true,
  columns: process.stdout.isTTY === true ? process.stdout.columns : null,
  isErrTTY: process.stderr.isTTY === true,
  write: (chunk) => new Promise((taken) => process.stdout.write(chunk, () => taken())),
  stdin: () => process.stdin,
  cwd: process.cwd(),
  signal: stopping.signal,
};

// A reader that went away (`outrigger tail | head`) is no error of ours; a sidecar goes on without one.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE" && process.argv[2] !== "serve") process.exit(0);
});

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};

const edge = {
  clock: systemClock,
  random: systemRandom,
  build: { version, node: process.version },
  logTo: 1,
  lingerMs: 2_000,
};

const serve = serveCommand(
  async (file, env) => {
    const started = await startApp({ ...edge, file, env });
    if (started.ok) app = started.value;
    // Before it says that it is ready.
    shrinkHeap();
    return started;
  },
  { onHangup: (fn) => void process.on("SIGHUP", fn) },
);

/** All the others. A sidecar runs for months: it loads none of them. */
async function otherCommands(): Promise<readonly Command[]> {
  const { commandsOf } = await import("./cli/commands.ts");
  const { demoCommand } = await import("./cli/demo/demo.ts");
  const move: MoveSpool = async (order) => {
    const { moveSpool } = await import("./app/move.ts");
    return await moveSpool({ ...order, clock: systemClock, random: systemRandom });
  };
  return [...commandsOf({ ...edge, move }), demoCommand(edge)];
}

const commands = process.argv[2] === "serve" ? [serve] : [serve, ...(await otherCommands())];
process.exitCode = await runCli(process.argv.slice(2), io, commands, version);
