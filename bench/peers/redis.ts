import { type Bench, freePort } from "../lib/bench.ts";
import { nativeVersion } from "../lib/native.ts";
import type { Proc } from "../lib/processes.ts";

export const REDIS_INSTALL = "Debian package redis-server";
/** What BullMQ's guide for production asks for: its append-only file, written to the disk every second. */
export const REDIS_SYNC = "appendonly yes, appendfsync everysec";

export function redisVersion(): string | null {
  return nativeVersion("redis-server", ["--version"], /v=(\S+)/);
}

export async function startRedis(bench: Bench): Promise<{ readonly port: number; readonly proc: Proc }> {
  const port = await freePort();
  const settings = { bind: "127.0.0.1", dir: bench.folder("redis"), appendonly: "yes", appendfsync: "everysec" };
  const args = Object.entries({ port: String(port), ...settings }).flatMap(([name, value]) => [`--${name}`, value]);
  const memory = ["--save", "", "--maxmemory-policy", "noeviction"];
  const proc = bench.procs.start("redis-server", "redis-server", [...args, ...memory]);
  await proc.line((line) => (line.includes("Ready to accept connections") ? true : null));
  return { port, proc };
}
