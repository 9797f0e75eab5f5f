import { spawn } from "node:child_process";
import { NATIVE_ENV } from "./native.ts";
import { family } from "./processor-time.ts";

/** A process of ours, known by its id and ended by it. */
export interface Proc {
  readonly name: string;
  readonly pid: number;
  /** What `pick` makes of the first line on stdout that it does not turn down with null. */
  line<T>(pick: (line: string) => T | null): Promise<T>;
  /** All of stdout, once the process ended with code 0. */
  output(timeoutMs: number): Promise<string>;
  /** SIGTERM, then {@link kill} where that is not enough. Twice is safe. */
  stop(): Promise<void>;
  /** SIGKILL for it and all below it: the workers of a server whose master is killed would live on. */
  kill(): void;
}

export interface Procs {
  start(name: string, command: string, args: readonly string[]): Proc;
  stopAll(): Promise<void>;
  /** For the last moment, when nothing can be waited for. */
  killAll(): void;
}

const READY_MS = 20_000;
const STOP_MS = 10_000;
/** Of what a process says this much is kept: enough for a result, and for the reason of an end. */
const KEPT_CHARS = 1 << 20;

export function createProcs(): Procs {
  const running = new Set<Proc>();
  return {
    start(name, command, args) {
      const proc = startProc(name, command, args, () => running.delete(proc));
      running.add(proc);
      return proc;
    },
    async stopAll() {
      await Promise.all([...running].map((proc) => proc.stop()));
    },
    killAll() {
      for (const proc of running) proc.kill();
    },
  };
}

function startProc(name: string, command: string, args: readonly string[], gone: () => void): Proc {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: NATIVE_ENV });
  let stdout = "";
  let stderr = "";
  let end: string | null = null;
  let wake = (): void => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout.length < KEPT_CHARS) stdout += text;
    wake();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4_000);
  });
  const ended = new Promise<void>((done) => {
    const finish = (how: string): void => {
      end ??= how;
      gone();
      wake();
      done();
    };
    child.once("error", (error) => finish(error.message));
    child.once("close", (code, signal) => finish(signal ?? `code ${code}`));
  });

  const failure = (what: string): Error =>
    new Error(`${name} ${what}\n${stderr.trim() || stdout.trim().slice(-1_000)}`.trim());
  const until = (timeoutMs: number, ready: () => boolean): Promise<void> =>
    new Promise((done, fail) => {
      const timer = setTimeout(() => fail(failure(`was not ready in ${timeoutMs} ms`)), timeoutMs);
      wake = () => {
        if (!ready() && end === null) return;
        wake = () => {};
        clearTimeout(timer);
        done();
      };
      wake();
    });

  const killFamily = (): void => {
    if (child.pid === undefined || end !== null) return;
    for (const pid of familyOf(child.pid)) tryKill(pid);
  };

  return {
    name,
    get pid() {
      if (child.pid === undefined) throw failure("did not start");
      return child.pid;
    },
    async line<T>(pick: (line: string) => T | null) {
      let found: T | null = null;
      await until(READY_MS, () => {
        for (const line of stdout.split("\n").slice(0, -1)) found ??= pick(line);
        return found !== null;
      });
      if (found === null) throw failure(`ended with ${end}`);
      return found;
    },
    async output(timeoutMs) {
      await until(timeoutMs, () => false);
      if (end !== "code 0") throw failure(`ended with ${end}`);
      return stdout;
    },
    async stop() {
      if (end !== null) return;
      child.kill("SIGTERM");
      // One that a fault stopped would not hear of it.
      child.kill("SIGCONT");
      const hard = setTimeout(killFamily, STOP_MS);
      await ended;
      clearTimeout(hard);
    },
    kill: killFamily,
  };
}

function familyOf(pid: number): readonly number[] {
  try {
    return family(pid);
  } catch {
    return [pid];
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}
