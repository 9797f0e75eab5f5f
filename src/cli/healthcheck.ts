import { Agent, fetch } from "undici";
import type { Command, ExitCode, Io } from "./command.ts";
import { targetOptions } from "./remote.ts";
import { findTarget, type Target, type TargetOptions } from "./target.ts";

interface Options extends TargetOptions {
  readonly ready?: true;
}

/** A container runtime asks every few seconds: it must not wait for one that hangs. */
const TIMEOUT_MS = 3_000;

/** `healthcheck`: for container runtimes and service managers, by exit code. Wants no token. */
export const healthcheckCommand: Command = {
  name: "healthcheck",
  register(program, io, settle) {
    const command = program
      .command("healthcheck")
      .description("does the sidecar of this machine answer? exit 0 if it does, for container runtimes")
      .option("--ready", "ask whether it is ready to take requests, not only whether it lives");
    targetOptions(command).action(async (options: Options) => settle(await healthcheck(io, options)));
  },
};

async function healthcheck(io: Io, options: Options): Promise<ExitCode> {
  const target = findTarget(io, options);
  if (!target.ok) return said(io, `${target.error.wrong}\n${target.error.hint}`);
  const wrong = await ask(target.value, options.ready === true ? "/readyz" : "/livez", io.signal);
  return wrong === null ? 0 : said(io, wrong);
}

/** Null where the answer is 200; else what was wrong with it. */
async function ask({ url, socketPath }: Target, path: string, signal: AbortSignal): Promise<string | null> {
  const agent = new Agent(socketPath === null ? {} : { connect: { socketPath } });
  try {
    const response = await fetch(`${url}${path}`, {
      dispatcher: agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const text = await response.text();
    return response.ok ? null : `${path} answers ${response.status}: ${text.trim().slice(0, 500)}`;
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string } };
    return `${socketPath ?? url} does not answer: ${cause?.code ?? (error as Error).message}`;
  } finally {
    await agent.destroy();
  }
}

function said(io: Io, wrong: string): 1 {
  io.stderr(`${wrong}\n`);
  return 1;
}
