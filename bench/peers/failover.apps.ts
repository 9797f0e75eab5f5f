import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";
import type { Role } from "../lib/failover.ts";

const PROGRAM = fileURLToPath(new URL("./failover.app.program.ts", import.meta.url));

/** Where the two upstreams listen. */
export interface Ports {
  readonly primary: number;
  readonly backup: number;
}

export interface FailoverApp {
  readonly port: number;
  readonly pid: number;
  /** Numbers of the requests that came, repeats included. Of one that was stopped: once it has run again. */
  ids(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function startFailoverApp(bench: Bench, role: Role): Promise<FailoverApp> {
  const file = join(bench.folder(role), "ids");
  const proc = bench.procs.start(role, process.execPath, [PROGRAM, role, file]);
  const port = await proc.line((line) => Number(/^ready (\d+)$/.exec(line)?.[1] ?? 0) || null);
  return {
    port,
    pid: proc.pid,
    async ids() {
      await wake(proc.pid, port);
      return readFileSync(file, "utf8").split("\n").slice(0, -1);
    },
    stop: proc.stop,
  };
}

/**
 * An app that hung and goes on does what waits for it: that belongs to the count. What had come before is read before
 * a call that comes now is answered.
 */
async function wake(pid: number, port: number): Promise<void> {
  try {
    process.kill(pid, "SIGCONT");
    await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(5_000) });
  } catch {
    // It was killed.
  }
}
