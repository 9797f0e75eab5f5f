#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { moveSpool } from "./app/move.ts";
import { type App, startApp } from "./app.ts";
import { appsCommand } from "./cli/apps.ts";
import { breakerCommand } from "./cli/breaker.ts";
import { checkCommand } from "./cli/check.ts";
import type { Command, Io } from "./cli/command.ts";
import { deliveriesCommand } from "./cli/deliveries.ts";
import { demoCommand } from "./cli/demo/demo.ts";
import { dlqCommand } from "./cli/dlq.ts";
import { explainCommand } from "./cli/explain.ts";
import { failoverCommand } from "./cli/failover.ts";
import { pauseCommand, resumeCommand } from "./cli/parking.ts";
import { runCli } from "./cli/program.ts";
import { routesCommand } from "./cli/routes.ts";
import { schemaCommand } from "./cli/schema.ts";
import { serveCommand } from "./cli/serve.ts";
import { spoolCommand } from "./cli/spool.ts";
import { statusCommand } from "./cli/status.ts";
import { tailCommand } from "./cli/tail.ts";
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

const commands: readonly Command[] = [
  serveCommand(
    async (file, env) => {
      const started = await startApp({ ...edge, file, env });
      if (started.ok) app = started.value;
      // Before it says that it is ready.
      shrinkHeap();
      return started;
    },
    { onHangup: (fn) => void process.on("SIGHUP", fn) },
  ),
  checkCommand,
  explainCommand,
  schemaCommand,
  statusCommand,
  routesCommand,
  appsCommand,
  failoverCommand,
  breakerCommand,
  deliveriesCommand(systemClock),
  pauseCommand,
  resumeCommand,
  dlqCommand(systemClock),
  spoolCommand((order) => moveSpool({ ...order, clock: systemClock, random: systemRandom })),
  tailCommand,
  demoCommand(edge),
];

process.exitCode = await runCli(process.argv.slice(2), io, commands, version);
