import { fileURLToPath } from "node:url";
import type { Bench } from "./bench.ts";
import { CONNECTIONS } from "./load.ts";
import { type Spread, spread } from "./statistics.ts";
import { BODY, prove, type Target } from "./target.ts";

/** What the client's process is told. */
export interface OpenLoopOptions {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly connections: number;
  /** Requests per second. */
  readonly rate: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** What it says. Times from when a request should have left to its answer's last byte. */
export interface OpenLoopResult {
  readonly answered: number;
  readonly errors: readonly string[];
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** How late the client itself was at worst: it is part of the times. */
  readonly lateMs: number;
}

/** Requests per second of the latency runs: far below the knee of all who are measured. */
export const RATE = 2_000;

export interface Latency {
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
}

const PROGRAM = fileURLToPath(new URL("./open-loop.program.ts", import.meta.url));

/** All targets in turn, `rounds` times, each for `seconds` at {@link RATE}. Any answer but 200 fails the run. */
export async function latencies(
  bench: Bench,
  targets: readonly Target[],
  rounds: number,
  seconds: number,
): Promise<Latency[]> {
  const found = targets.map((): OpenLoopResult[] => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, target] of targets.entries()) {
      const result = await openLoop(bench, target, seconds);
      found[i]!.push(result);
      bench.say(
        `latency ${round} of ${rounds}: ${target.name} p50 ${result.p50Ms.toFixed(2)} ms, p99 ${result.p99Ms.toFixed(2)} ms`,
      );
    }
  }
  return found.map((results) => ({
    p50Ms: spread(results.map((result) => result.p50Ms)),
    p99Ms: spread(results.map((result) => result.p99Ms)),
  }));
}

async function openLoop(bench: Bench, target: Target, seconds: number): Promise<OpenLoopResult> {
  await prove(target);
  const options: OpenLoopOptions = {
    port: target.port,
    path: target.paths[0]!,
    body: BODY,
    connections: CONNECTIONS,
    rate: RATE,
    warmUpSeconds: 1,
    seconds,
  };
  const proc = bench.procs.start(`client of ${target.name}`, process.execPath, [PROGRAM, JSON.stringify(options)]);
  const result = JSON.parse(await proc.output((seconds + 1) * 1000 + 30_000)) as OpenLoopResult;
  if (result.errors.length > 0) throw new Error(`${target.name} at ${RATE} requests/s: ${result.errors.join(", ")}`);
  return result;
}
