import { createHash } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import type { Script } from "./scripts.ts";

type Argument = string | number | Buffer;

/** Runs a script on `client`: by its hash, and with its text where Redis does not know it (yet, or any more). */
export type RunScript = (script: Script, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

/** `binary`: texts of the answer come as buffers. */
export function scriptRunner(client: Redis | Cluster, binary = false): RunScript {
  const hashes = new Map<Script, string>();
  const call = (command: string, args: readonly Argument[]): Promise<unknown> =>
    binary ? client.callBuffer(command, ...args) : client.call(command, ...args);
  return async (script, keys, args) => {
    const hash = hashes.get(script) ?? createHash("sha1").update(script.lua).digest("hex");
    hashes.set(script, hash);
    const rest = [script.keys, ...keys, ...args];
    try {
      return await call("evalsha", [hash, ...rest]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return call("eval", [script.lua, ...rest]);
    }
  };
}
