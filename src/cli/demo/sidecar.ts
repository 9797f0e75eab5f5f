import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Clock } from "../../core/clock.ts";
import type { Io } from "../command.ts";
import { type Child, exitText, modulePath, moduleUrl, startChild } from "./child.ts";

/** Outrigger itself, running in a process of its own as anybody would run it. */
export interface Sidecar {
  readonly pid: number;
  /** `host:port` of the listeners. */
  readonly proxy: string;
  readonly admin: string;
  /** The file with the manifest it runs. */
  readonly manifest: string;
  /** An operator's token for the admin API, and the file that holds it. */
  readonly token: string;
  readonly tokenFile: string;
  /** Stops it in order (SIGTERM). Rejects where it does not end with exit code 0. */
  stop(): Promise<void>;
  /** Kills it (SIGKILL), as a crash or the machine would. Resolves when it is gone, twice too; `stop` has then nothing to do. */
  kill(): Promise<void>;
}

export interface SidecarOptions {
  /** The manifest's file; its `data_dir` is `./data` beside it. */
  readonly manifest: string;
  /** Where its log goes: after what is there already, of one that ran before. */
  readonly log: string;
  readonly env: Io["env"];
  readonly clock: Clock;
  /** Ends the waiting for it to be ready. */
  readonly signal: AbortSignal;
  readonly onDeath: (how: string) => void;
}

/** Longer than a start takes on the slowest machine, and short enough for somebody who waits. */
const START_MS = 30_000;

/** Starts `outrigger serve` and waits until it is ready. Rejects with what it said where it does not get there. */
export async function startSidecar({ manifest, log, env, clock, signal, onDeath }: SidecarOptions): Promise<Sidecar> {
  const child = await startChild({
    what: "Outrigger",
    args: ["--import", moduleUrl("./tether").href, modulePath("../../main"), "serve", "-c", manifest],
    env,
    clock,
    onDeath,
  });
  const { proxy, admin } = await ready(child, log, AbortSignal.any([signal, AbortSignal.timeout(START_MS)])).catch(
    async (error: unknown) => {
      await child.end("SIGKILL");
      throw error;
    },
  );
  const tokenFile = join(manifest, "..", "data", "admin-token");
  let killed = false;
  const token = (await readFile(tokenFile, "utf8")).trim();
  return {
    pid: child.pid,
    proxy,
    admin,
    manifest,
    token,
    tokenFile,
    stop: async () => {
      if (killed) return;
      const exit = await child.end("SIGTERM");
      if (exit.code !== 0) throw new Error(`Outrigger did not stop in order: ${exitText(exit)}`);
    },
    kill: async () => {
      killed = true;
      await child.end("SIGKILL");
    },
  };
}

interface Ready {
  readonly proxy: string;
  readonly admin: string;
}

/** The one line that says where it listens; every line goes to the log. */
function ready(child: Child, log: string, signal: AbortSignal): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const { stdout } = child.process;
    if (stdout === null) throw new Error("Outrigger has no output to read");
    stdout.pipe(createWriteStream(log, { flags: "a" }));
    const lines = createInterface({ input: stdout });
    lines.on("line", (line) => {
      const said = parsed(line);
      if (said?.event !== "ready") return;
      lines.close();
      // Closing the reader pauses what it read from; the log still wants the rest.
      stdout.resume();
      resolve({ proxy: String(said.proxy), admin: String(said.admin) });
    });
    void child.exited.then((exit) => reject(new Error(`Outrigger did not start: ${exitText(exit)}`)));
    const giveUp = (): void => reject(new Error("Outrigger was not ready in time"));
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { once: true });
  });
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}
