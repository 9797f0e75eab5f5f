import { readFileSync } from "node:fs";
import type { Log } from "../observe/log.ts";

/**
 * Says so when the process may not open as many files as the manifest allows connections: it would run out of them
 * under load, and the refusal would then come from the kernel, without an answer.
 */
export function warnOfFewFiles(connections: number, log: Log): void {
  const files = openFilesLimit();
  if (files === null || files >= connections) return;
  log.warn(
    { files, connections },
    `the limit of open files, ${files}, is below limits.connections, ${connections}: raise it (ulimit -n, LimitNOFILE)`,
  );
}

/** The soft limit, which Node has raised to the hard one by then; null where the system does not say (proc(5)). */
function openFilesLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
