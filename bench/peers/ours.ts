import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";
import { packageVersion } from "../lib/machine.ts";
import type { Proc } from "../lib/processes.ts";
import type { Target } from "../lib/target.ts";
import { buildOurs } from "./ours.built.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const PACKAGE = new URL("../../package.json", import.meta.url);

export interface OursOptions {
  readonly name?: string;
  /** How many routes the manifest has; the load goes to ten of them. */
  readonly routes?: number;
  /** Of the manifest and the data: a new one unless given. */
  readonly folder?: string;
  readonly serve?: ServeOptions;
  /** Breakers, failovers and idempotency are shared through the Redis at this port. */
  readonly redisPort?: number;
}

export interface Ours extends Target {
  /** Port of the admin listener, and what opens it. */
  readonly admin: number;
  readonly token: string;
  /** Its manifest. */
  readonly file: string;
}

/**
 * Outrigger as anyone would run it, through its own command, with everything on: what the manifest does not name is on
 * by default, and signing is named.
 */
export async function startOurs(bench: Bench, upstreamPort: number, options: OursOptions = {}): Promise<Ours> {
  const { name = "outrigger", routes = 1, redisPort } = options;
  const folder = options.folder ?? bench.folder(name.replaceAll(/\W+/g, "-"));
  const file = join(folder, "outrigger.yaml");
  const capabilities = Array.from({ length: routes }, (_, i) => (i === 0 ? "quiz_answer" : `quiz_answer_${i}`));
  const token = randomBytes(24).toString("base64url");
  const redis = redisPort === undefined ? "" : redisLine(redisPort);
  writeFileSync(file, redis + manifest(folder, upstreamPort, token, capabilities));
  const { proc, proxy, admin } = await serve(bench, name, file, options.serve);
  const every = Math.max(1, Math.floor(routes / 10));
  const paths = capabilities.filter((_, i) => i % every === 0).map((capability) => `/bench/${capability}`);
  return { name, port: proxy, admin, token, file, paths, pid: proc.pid, stop: proc.stop };
}

/** A line of a manifest. */
export function redisLine(port: number): string {
  return `redis: { url: "redis://127.0.0.1:${port}" }\n`;
}

/** A running sidecar, with the ports it took. */
export interface Served {
  readonly proc: Proc;
  readonly proxy: number;
  readonly admin: number;
  /** From the start of the process to its ready line. */
  readonly readyMs: number;
}

export interface ServeOptions {
  /** Flags of Node for a profile, which is of the checkout: it tells files apart. */
  readonly nodeArgs?: readonly string[];
  /** The program: as it is published unless given. */
  readonly main?: string;
}

export async function serve(bench: Bench, name: string, file: string, options: ServeOptions = {}): Promise<Served> {
  const { nodeArgs, main = nodeArgs === undefined ? await buildOurs(bench) : MAIN } = options;
  const from = performance.now();
  const proc = bench.procs.start(name, process.execPath, [...(nodeArgs ?? []), main, "serve", "-c", file]);
  const ports = await proc.line(readyPorts);
  return { proc, ...ports, readyMs: performance.now() - from };
}

/** Of what is published, unless it is a profile of the checkout. */
export function oursVersion(of: "build" | "checkout" = "build"): string {
  const { version } = JSON.parse(readFileSync(PACKAGE, "utf8")) as { readonly version: string };
  const what = of === "build" ? "built as it is published" : "from a checkout";
  return `outrigger ${version}, ${what}, on undici ${packageVersion("undici")}`;
}

/** Where a sidecar with this folder keeps its files. */
export function dataDir(folder: string): string {
  return join(folder, "data");
}

function manifest(folder: string, upstreamPort: number, token: string, capabilities: readonly string[]): string {
  return `version: 1
listen: { proxy: "127.0.0.1:0", admin: "127.0.0.1:0" }
data_dir: ${JSON.stringify(dataDir(folder))}
admin: { tokens: [{ name: bench, role: operator, token: "${token}" }] }
apps:
  bench:
    owner: bench@quiz.example
    url: "http://127.0.0.1:${upstreamPort}"
    sign: { scheme: standard-webhooks, secrets: ["whsec_${randomBytes(32).toString("base64")}"] }
    webhooks:
${capabilities.map((capability) => `      ${capability}: /webhooks/answer\n`).join("")}`;
}

function readyPorts(line: string): { readonly proxy: number; readonly admin: number } | null {
  if (!line.startsWith("{")) return null;
  const said = JSON.parse(line) as { readonly event?: string; readonly proxy?: string; readonly admin?: string };
  if (said.event !== "ready" || said.proxy === undefined || said.admin === undefined) return null;
  const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));
  return { proxy: portOf(said.proxy), admin: portOf(said.admin) };
}
