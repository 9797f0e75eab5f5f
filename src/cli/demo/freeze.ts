import { spawn } from "node:child_process";
import type { Child } from "./child.ts";

/** A process that was stopped. */
export interface Frozen {
  /** Lets it go on. Twice is safe. */
  thaw(): void;
}

/**
 * Stops a process with SIGSTOP: it keeps its connections and does nothing at all. So it would not hear either that the
 * demo is gone; a shell waits for that at its side, and lets it go on, to end.
 */
export function freeze({ pid, process }: Child): Frozen {
  const guard = spawn("sh", ["-c", 'read -r _; kill -CONT "$1"', "sh", String(pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a shell only a demo that is killed in the midst leaves something behind.
  guard.on("error", () => undefined);
  guard.stdin.on("error", () => undefined);
  process.kill("SIGSTOP");
  return {
    thaw() {
      process.kill("SIGCONT");
      guard.stdin.end();
    },
  };
}
