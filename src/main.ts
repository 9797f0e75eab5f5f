#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { startApp } from "./app.ts";
import { checkCommand } from "./cli/check.ts";
import type { Command, Io } from "./cli/command.ts";
import { demoCommand } from "./cli/demo/demo.ts";
import { explainCommand } from "./cli/explain.ts";
import { runCli } from "./cli/program.ts";
import { schemaCommand } from "./cli/schema.ts";
import { serveCommand } from "./cli/serve.ts";
import { systemClock } from "./core/clock.ts";
import { systemRandom } from "./core/random.ts";

/** The process edge: argv, environment, signals and exit code; nothing else reads them. */

const stopping = new AbortController();
// The first signal ends in order; a second one means now.
const onSignal = (): void => {
  if (stopping.signal.aborted) process.exit(130);
  stopping.abort();
};
process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);

const io: Io = {
  env: process.env,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTTY: process.stdout.isTTY === true,
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
  serveCommand((file, env) => startApp({ ...edge, file, env }), {
    onHangup: (fn) => {
      process.on("SIGHUP", fn);
      return () => void process.off("SIGHUP", fn);
    },
  }),
  checkCommand,
  explainCommand,
  schemaCommand,
  demoCommand(edge),
];

process.exitCode = await runCli(process.argv.slice(2), io, commands);
