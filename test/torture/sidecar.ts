import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Random } from "../../src/core/random.ts";
import { type Life, machineMs } from "./facts.ts";
import { manifest } from "./manifest.ts";

/** The program under torture, started again and again on the same data directory and port. */
export interface Sidecar {
  readonly proxyUrl: string;
  readonly dataDir: string;
  readonly lives: readonly Life[];
  /** Which of several; undefined where it is alone. */
  readonly replica: number | undefined;
  /** How long a start took, the last one that became ready. */
  readonly startMs: number;
  /** The one that runs or starts; throws where none does. */
  current(): Start;
  start(): Start;
}

/** One start. */
export interface Start {
  readonly n: number;
  readonly pid: number;
  /** The base URL of the admin API; rejects with what the process said if it ends first. */
  readonly ready: Promise<string>;
  /** SIGKILL, and its end. Twice is safe. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Says how it ended by itself; null where it was killed by us. */
  readonly ended: Promise<string | null>;
}

export interface SidecarOptions {
  /** The program: `node [nodeArgs] script serve -c FILE`. */
  readonly script: string;
  readonly scriptArgs: readonly string[];
  readonly nodeArgs: readonly string[];
  /** For the manifest. */
  readonly dir: string;
  readonly dataDir: string;
  readonly appUrl: string;
  readonly proxyPort: number;
  /** Where it is one of several. */
  readonly among?: Among;
}

/** What several sidecars have in common, and which of them it is. */
export interface Among {
  readonly replica: number;
  readonly redisUrl: string;
  /** Of all of them, so that no two starts have the same number. */
  readonly lives: OpenLife[];
}

export interface OpenLife extends Life {
  endedAt: number;
}

/** Of what a process says on stderr this much is kept. */
const KEPT_CHARS = 4_000;

export function createSidecar(options: SidecarOptions): Sidecar {
  const { among } = options;
  const lives: OpenLife[] = among?.lives ?? [];
  let current: Start | null = null;
  let startMs = 500;
  return {
    proxyUrl: `http://127.0.0.1:${options.proxyPort}`,
    dataDir: options.dataDir,
    lives,
    replica: among?.replica,
    get startMs() {
      return startMs;
    },
    current() {
      if (current === null) throw new Error("no sidecar was started");
      return current;
    },
    start() {
      const own = among === undefined ? {} : { replica: among.replica };
      const life: OpenLife = { n: lives.length + 1, endedAt: Number.POSITIVE_INFINITY, ...own };
      lives.push(life);
      const startedAt = machineMs();
      current = launch(options, life);
      current.ready.then(
        () => {
          startMs = machineMs() - startedAt;
        },
        () => {},
      );
      return current;
    },
  };
}

function launch(options: SidecarOptions, life: OpenLife): Start {
  const { dir, dataDir, appUrl, proxyPort, among } = options;
  const file = join(dir, "outrigger.yaml");
  writeFileSync(file, manifest({ proxyPort, dataDir, appUrl, life: life.n, redisUrl: among?.redisUrl ?? null }));
  const args = [...options.nodeArgs, options.script, "serve", "-c", file, ...options.scriptArgs];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH ?? "", NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
  });
  let killed = false;
  let said = "";
  const keep = (text: string): void => {
    said = (said + text).slice(-KEPT_CHARS);
  };
  child.stderr.setEncoding("utf8").on("data", keep);
  const ended = once(child, "close").then(([code, signal]) => {
    if (!killed) life.endedAt = machineMs();
    return killed ? null : `${signal ?? `code ${code}`}${said === "" ? "" : `: ${said}`}`;
  });
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const said = JSON.parse(line) as { event?: string; admin?: string; level?: string };
      if (said.event === "ready") resolve(`http://${said.admin}`);
      else if (said.level === "error" || said.level === "fatal") keep(`${line}\n`);
    });
    ended.then((how) => reject(new Error(`it ended before it was ready, by ${how ?? "our kill"}`)), reject);
  });
  ready.catch(() => {});
  return {
    n: life.n,
    pid: child.pid ?? 0,
    ready,
    signal: (name) => void child.kill(name),
    async kill() {
      // Asked too late, it has ended by itself, and says so.
      if (!killed && child.exitCode === null && child.signalCode === null) {
        killed = true;
        life.endedAt = machineMs();
        child.kill("SIGKILL");
      }
      await ended;
    },
    ended,
  };
}

const LOWEST_PORT = 20_000;
const PORTS = 10_000;

/** A port that is free now and stays so while no sidecar runs: the kernel gives away none below 32768 by itself. */
export async function choosePort(random: Random): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = LOWEST_PORT + random.below(PORTS);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error("no free port was found");
}
