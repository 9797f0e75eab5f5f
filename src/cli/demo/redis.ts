import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Clock } from "../../core/clock.ts";
import type { Io } from "../command.ts";
import { exitText, plainEnv, startChild } from "./child.ts";

/** A Redis of the demo's own, in a process of its own. */
export interface DemoRedis {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface DemoRedisOptions {
  /** For its append-only file. */
  readonly dir: string;
  readonly log: string;
  readonly env: Io["env"];
  readonly clock: Clock;
  readonly onDeath: (how: string) => void;
}

/** Either will do; Debian has both. */
const SERVERS = ["redis-server", "valkey-server"] as const;

/** The one that is installed here, or null. */
export function redisServer(env: Io["env"]): string | null {
  return SERVERS.find((name) => spawnSync(name, ["--version"], { env: plainEnv(env) }).status === 0) ?? null;
}

/** Jobs are entrusted to it, so that a write is on the disk before its answer, and nothing is ever dropped. */
const SETTINGS = {
  bind: "127.0.0.1",
  save: "",
  appendonly: "yes",
  appendfsync: "always",
  "maxmemory-policy": "noeviction",
};

/** Starts it and waits until it takes connections. Rejects with what it said where it does not get there. */
export async function startDemoRedis({ dir, log, env, clock, onDeath }: DemoRedisOptions): Promise<DemoRedis> {
  const program = redisServer(env);
  if (program === null) throw new Error(`none of ${SERVERS.join(", ")} is installed`);
  const port = await freePort();
  const args = Object.entries({ ...SETTINGS, port: String(port), dir }).flatMap(([k, v]) => [`--${k}`, v]);
  const child = await startChild({ what: "Redis", program, args, env, clock, onDeath });
  const { stdout } = child.process;
  if (stdout === null) throw new Error("Redis has no output to read");
  stdout.pipe(createWriteStream(log));
  const untether = tether(child.pid);
  const lines = createInterface({ input: stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.includes("Ready to accept connections")) resolve();
    });
    void child.exited.then((exit) => reject(new Error(`Redis did not start: ${exitText(exit)}; its log: ${log}`)));
  });
  lines.close();
  // Closing the reader pauses what it read from; the log still wants the rest.
  stdout.resume();
  return {
    port,
    pid: child.pid,
    async stop() {
      await child.end("SIGTERM");
      untether();
    },
  };
}

/**
 * It has no channel that would tell it that the demo is gone, so a shell at its side waits for that and ends it. It is
 * let go by a line: then the id may be that of another process.
 */
function tether(pid: number): () => void {
  const guard = spawn("sh", ["-c", 'read -r _ || kill -TERM "$1"', "sh", String(pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a shell only a demo that is killed in the midst leaves something behind.
  guard.on("error", () => undefined);
  guard.stdin.on("error", () => undefined);
  return () => void guard.stdin.end("\n");
}

/** It can't pick one itself and tell. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port of 127.0.0.1 is free");
  return address.port;
}
