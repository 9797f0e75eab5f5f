import type { ChildProcess } from "node:child_process";
import diagnostics from "node:diagnostics_channel";

/** Calls `hear` with each process that this one starts from now on, until what it returns is called. */
export function hearOfChildren(hear: (child: ChildProcess) => void): () => void {
  const told = (message: unknown): void => hear((message as { readonly process: ChildProcess }).process);
  diagnostics.subscribe("child_process", told);
  return () => diagnostics.unsubscribe("child_process", told);
}

/** Kills the next one that reads a manifest, once it has given all pieces and before it is asked for what is left. */
export async function killAfterPieces(): Promise<void> {
  const child = await nextChild();
  // Heard after who reads it has heard it, and before that goes on.
  child.on("message", (word) => word === null && child.kill("SIGKILL"));
}

/** Resolves with the next one. */
export function nextChild(): Promise<ChildProcess> {
  return new Promise((resolve) => {
    const stop = hearOfChildren((child) => {
      stop();
      resolve(child);
    });
  });
}
