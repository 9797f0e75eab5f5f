import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `outrigger serve` as a process of its own, as an operator starts it: signals, exit codes, what it prints. */
export interface Child {
  readonly pid: number;
  readonly file: string;
  readonly dir: string;
  /** Of the ready line: port and base URL of the proxy. */
  readonly port: number;
  readonly url: string;
  readonly adminUrl: string;
  /** What it printed, as JSON; the ready line among it. */
  readonly lines: readonly Line[];
  /** Resolves with the first line, past or coming, that `wanted` says yes to; rejects when the process ends before. */
  line(wanted: (line: Line) => boolean): Promise<Line>;
  write(yaml: string): void;
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<End>;
}

export type Line = Readonly<Record<string, unknown>>;

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  /** A folder to use, as after a restart; else a new one, removed at the end. */
  readonly dir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of node before the script. */
  readonly nodeArgs?: readonly string[];
  /** `ulimit -n` for it. */
  readonly openFiles?: number;
  /** Instead of `127.0.0.1:0`. */
  readonly proxy?: string;
  /** The program: that of the checkout unless given. */
  readonly main?: string;
}

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Starts it and waits for its ready line; rejects with what it said if it ends instead. */
export async function startChild(yaml: string, options: ChildOptions = {}): Promise<Child> {
  const child = launch(yaml, options);
  const ready = await child.line((line) => line.event === "ready");
  const proxy = String(ready.proxy);
  return Object.assign(child, {
    port: Number(proxy.split(":").at(-1)),
    url: `http://${proxy}`,
    adminUrl: `http://${String(ready.admin)}`,
  });
}

/** Starts it and waits for its end: for a start that is refused. */
export function runChild(yaml: string, options: ChildOptions = {}): Promise<End> {
  return launch(yaml, options).ended;
}

function launch(yaml: string, options: ChildOptions): Omit<Child, "port" | "url" | "adminUrl"> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "outrigger-child-"));
  const file = join(dir, "outrigger.yaml");
  const head = `version: 1\nlisten: { proxy: "${options.proxy ?? "127.0.0.1:0"}", admin: "127.0.0.1:0" }\ndata_dir: ./data\n`;
  const write = (text: string): void => writeFileSync(file, head + text);
  write(yaml);
  const args = [...(options.nodeArgs ?? []), options.main ?? MAIN, "serve", "-c", file];
  const limited = options.openFiles !== undefined;
  const script = `ulimit -n ${options.openFiles}; exec "$0" "$@"`;
  const child = limited
    ? spawn("/bin/sh", ["-c", script, process.execPath, ...args], { env: plainEnv(options.env) })
    : spawn(process.execPath, args, { env: plainEnv(options.env) });
  let stdout = "";
  let stderr = "";
  let rest = "";
  let over = false;
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts.map((part) => JSON.parse(part) as Line));
    for (const look of waiting) look();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<End>((resolve) => {
    child.on("close", (code, signal) => {
      over = true;
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
      resolve({ code, signal, stdout, stderr });
      for (const look of waiting) look();
    });
  });
  return {
    pid: child.pid ?? 0,
    file,
    dir,
    lines,
    line: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find(wanted);
          if (found === undefined && !over) return void waiting.add(look);
          waiting.delete(look);
          if (found !== undefined) resolve(found);
          else reject(new Error(`it ended without saying so:\n${stdout}${stderr}`));
        };
        look();
      }),
    write,
    signal: (name) => void child.kill(name),
    ended,
  };
}

// None of the reader's own settings of Outrigger, and no coverage of a process that is killed.
function plainEnv(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? "", ...more };
}
