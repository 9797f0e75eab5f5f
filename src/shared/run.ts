import { createHash } from "node:crypto";
import { type Cluster, Command, type Redis } from "ioredis";
import type { Script } from "./scripts.ts";

type Argument = string | number | Buffer;

/** Runs a script: by its hash, and with its text where Redis does not know it (yet, or any more). */
export type RunScript = (script: Script, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

/** On `client`; `binary`: texts of the answer come as buffers, which its typed calls of scripts can't do. */
export function scriptRunner(client: Redis | Cluster, binary = false): RunScript {
  const hashes = new Map<Script, string>();
  const replyEncoding = binary ? null : "utf8";
  return async (script, keys, args) => {
    const hash = hashes.get(script) ?? createHash("sha1").update(script.lua).digest("hex");
    hashes.set(script, hash);
    const rest = [script.keys, ...keys, ...args];
    try {
      return await client.sendCommand(new Command("evalsha", [hash, ...rest], { replyEncoding }));
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return client.sendCommand(new Command("eval", [script.lua, ...rest], { replyEncoding }));
    }
  };
}
