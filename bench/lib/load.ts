import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { packageVersion } from "./machine.ts";
import { nativeVersion } from "./native.ts";
import { BODY, type Target } from "./target.ts";

/** The program that makes full load: each connection sends again as soon as it is answered. */
export type Generator = "wrk" | "autocannon";

/** The same for ours and for every peer. */
export const CONNECTIONS = 50;

/** What is sent, where a case asks for other than the usual. */
export interface Shape {
  readonly connections?: number;
  readonly body?: string;
}

export interface Load {
  /** Answered, all with a status below 400. */
  readonly requests: number;
  readonly seconds: number;
}

/** wrk where it is installed, since it takes the least of the machine for itself; else, or if `wanted`, autocannon. */
export function findGenerator(wanted?: string): { generator: Generator; version: string } {
  if (wanted !== undefined && wanted !== "wrk" && wanted !== "autocannon") throw new Error("--load: wrk or autocannon");
  const version = nativeVersion("wrk", ["-v"], /wrk \S*?(\d[\d.]*)/);
  if (wanted !== "autocannon" && version !== null) return { generator: "wrk", version };
  if (wanted === "wrk") throw new Error("wrk is not installed: Debian package wrk");
  return {
    generator: "autocannon",
    version: `autocannon ${packageVersion("autocannon")} (lighter: Debian package wrk)`,
  };
}

/** Full load for `seconds`, from a process of its own. Any error, and any answer of 400 or above, fails the run. */
export async function saturate(bench: Bench, target: Target, seconds: number, shape: Shape = {}): Promise<Load> {
  const { generator, procs } = bench;
  const [command, args] =
    generator === "wrk"
      ? wrk(bench, target, seconds, shape)
      : autocannon(bench, target, ["-d", String(seconds)], shape);
  const proc = procs.start(`${generator} on ${target.name}`, command, args);
  const said = await proc.output(seconds * 1000 + 30_000);
  const { requests, tookSeconds, errors } = generator === "wrk" ? readWrk(said) : readAutocannon(said);
  if (errors !== "" || requests === 0) throw new Error(`${target.name} under full load: ${errors || "no answer"}`);
  return { requests, seconds: tookSeconds };
}

/** Sends so many requests, in no time that is measured: autocannon counts them where wrk only knows of time. */
export async function sendExactly(bench: Bench, target: Target, requests: number): Promise<void> {
  const [command, args] = autocannon(bench, target, ["-a", String(requests)]);
  const said = await bench.procs.start(`autocannon on ${target.name}`, command, args).output(60_000 + requests);
  const { errors } = readAutocannon(said);
  if (errors !== "") throw new Error(`${target.name} being filled: ${errors}`);
}

interface Said {
  readonly requests: number;
  readonly tookSeconds: number;
  /** Empty for none. */
  readonly errors: string;
}

function wrk(bench: Bench, target: Target, seconds: number, shape: Shape): [string, string[]] {
  const { connections = CONNECTIONS, body = BODY } = shape;
  const script = join(bench.folder("wrk"), "load.lua");
  writeFileSync(script, wrkScript(target.paths, body));
  const url = `http://127.0.0.1:${target.port}${target.paths[0]}`;
  return ["wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, url]];
}

function wrkScript(paths: readonly string[], body: string): string {
  const inTurn = `
local requests, turn = {}, 0
init = function()
  for i, path in ipairs({ ${paths.map((path) => JSON.stringify(path)).join(", ")} }) do
    requests[i] = wrk.format(nil, path)
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end`;
  return `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[${body}]==]
${paths.length > 1 ? inTurn : ""}
done = function(summary)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests":%d,"us":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n',
    summary.requests, summary.duration, e.connect, e.read, e.write, e.status, e.timeout))
end
`;
}

function readWrk(said: string): Said {
  const line = said.split("\n").find((one) => one.startsWith("RESULT "));
  if (line === undefined) throw new Error(`wrk gave no result:\n${said}`);
  const { requests, us, ...errors } = JSON.parse(line.slice(7)) as Record<string, number>;
  return { requests: requests!, tookSeconds: us! / 1e6, errors: named(errors) };
}

function autocannon(bench: Bench, target: Target, until: readonly string[], shape: Shape = {}): [string, string[]] {
  const { connections = CONNECTIONS, body = BODY } = shape;
  // In a file: an argument holds 128 KiB at most (execve(2)).
  const file = join(bench.folder("autocannon"), "body");
  writeFileSync(file, body);
  const program = createRequire(import.meta.url).resolve("autocannon/autocannon.js");
  const args = ["-c", String(connections), ...until, "-m", "POST", "-i", file, "--json", "--no-progress"];
  const url = `http://127.0.0.1:${target.port}${target.paths[0]}`;
  return [process.execPath, [program, ...args, "-H", "Content-Type=application/json", url]];
}

function readAutocannon(said: string): Said {
  const result = JSON.parse(said.slice(said.indexOf("{"))) as {
    requests: { total: number };
    duration: number;
    errors: number;
    timeouts: number;
    non2xx: number;
  };
  const { errors, timeouts, non2xx } = result;
  return { requests: result.requests.total, tookSeconds: result.duration, errors: named({ errors, timeouts, non2xx }) };
}

function named(errors: Readonly<Record<string, number>>): string {
  return Object.entries(errors)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}
