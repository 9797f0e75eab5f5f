import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../core/clock.ts";
import type { Io } from "../command.ts";

/** How a process ended: its exit code, or the signal that killed it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the demo's own. */
export interface Child {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly exited: Promise<Exit>;
  /** Ends it by its pid and resolves when it is gone; one that does not heed SIGTERM is killed. Twice is safe. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<Exit>;
}

export interface ChildOptions {
  /** What it is to the reader: `the toy app`. */
  readonly what: string;
  /** Node where it is not said; anything else has no channel. */
  readonly program?: string;
  readonly args: readonly string[];
  readonly env: Io["env"];
  readonly clock: Clock;
  /** Hears, in a sentence, that it ended without being asked to. */
  readonly onDeath: (how: string) => void;
}

/** Longer than a sidecar may take to drain what is in flight: `limits.drain` is 25 s. */
const PATIENCE_MS = 30_000;
const KEPT_CHARS = 2_000;

/** The file of a module of the demo, as URL: `.ts` in a checkout, `.js` in a build. `name` is relative to this folder. */
export function moduleUrl(name: string): URL {
  return new URL(`${name}${extname(new URL(import.meta.url).pathname)}`, import.meta.url);
}

/**
 * Starts Node in a process group of its own, so that Ctrl-C reaches the demo alone, which then ends its children in
 * order. A channel ties it to the demo: it ends when the demo is gone, even killed.
 */
export async function startChild({ what, program, args, env, clock, onDeath }: ChildOptions): Promise<Child> {
  const child = spawn(program ?? process.execPath, [...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", ...(program === undefined ? ["ipc" as const] : [])],
    env: plainEnv(env),
  });
  let ending = false;
  let complaint = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk).slice(-KEPT_CHARS);
  });
  const exited = new Promise<Exit>((resolve) => {
    // `close` comes after the last output, so that the complaint is whole.
    child.once("close", (code, signal) => {
      resolve({ code, signal });
      if (!ending) onDeath(`${what} (pid ${child.pid}) ended by itself, ${exitText({ code, signal })}\n${complaint}`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new Error(`${what} could not be started: ${error.message}`)));
  });
  return {
    pid: child.pid as number,
    process: child,
    exited,
    end(signal) {
      ending = true;
      child.kill(signal);
      const patience = clock.after(PATIENCE_MS, () => child.kill("SIGKILL"), undefined);
      return exited.finally(() => clock.cancel(patience));
    },
  };
}

export function exitText({ code, signal }: Exit): string {
  return signal === null ? `exit code ${code}` : `killed by ${signal}`;
}

/** The path that `node` wants for a module that it shall run. */
export function modulePath(name: string): string {
  return fileURLToPath(moduleUrl(name));
}

// What a process needs to run, and none of the reader's own settings of Outrigger, which would change the demo.
export function plainEnv(env: Io["env"]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", "TZ"]) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
