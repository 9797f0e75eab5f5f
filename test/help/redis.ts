import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real redis-server of a test's own, on loopback, with every write on the disk before its answer. */
export interface TestRedis {
  readonly port: number;
  readonly url: string;
  /** As SIGTERM does: it writes out what it has. */
  stop(): Promise<void>;
  /** SIGKILL: what is left is what was on the disk. */
  kill(): Promise<void>;
  /** Stops it as it is: connections stay, and nobody answers. */
  pause(): void;
  resume(): void;
  /** After `stop` or `kill`: the same files at the same port. */
  restart(): Promise<void>;
  /** Ends it and removes its files. Twice is safe. */
  close(): Promise<void>;
}

/** Is there a redis-server? Where there is none, tests are left out, loudly; in CI they fail. */
const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
if (!hasRedis && process.env.CI === undefined)
  console.warn("redis-server is not installed: EVERY TEST OF REDIS IS LEFT OUT (apt-get install redis-server)");

/** For `describe.skipIf` and `test.skipIf`. */
export const withoutRedis = !hasRedis && process.env.CI === undefined;

const SETTINGS = {
  bind: "127.0.0.1",
  save: "",
  appendonly: "yes",
  appendfsync: "always",
  "maxmemory-policy": "noeviction",
};

/** `more` are lines of its configuration, as `{ appendfsync: "everysec" }`. */
export async function startRedis(more: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const dir = mkdtempSync(join(tmpdir(), "outrigger-redis-"));
  const port = await freePort();
  const args = Object.entries({ ...SETTINGS, ...more, dir, port: String(port) }).flatMap(([k, v]) => [`--${k}`, v]);
  let life = await launch(args);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (life.exitCode !== null || life.signalCode !== null) return;
    const gone = once(life, "exit");
    life.kill(signal);
    await gone;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    pause: () => void life.kill("SIGSTOP"),
    resume: () => void life.kill("SIGCONT"),
    async restart() {
      await end("SIGKILL");
      life = await launch(args);
    },
    async close() {
      // A stopped process, too, is ended by this signal.
      await end("SIGKILL");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function launch(args: readonly string[]): Promise<ChildProcess> {
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
      if (said.includes("Ready to accept connections")) resolve();
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ended:\n${said}`)));
  });
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
