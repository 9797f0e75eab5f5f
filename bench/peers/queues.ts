import { fileURLToPath } from "node:url";
import type { Bench } from "../lib/bench.ts";
import { type Drained, drained } from "../lib/drained.ts";
import { packageVersion } from "../lib/machine.ts";
import { timeOf } from "../lib/measure.ts";
import { nodePeer } from "../lib/node-peer.ts";
import type { Peer, Target } from "../lib/target.ts";
import { REDIS_INSTALL, redisVersion, startRedis } from "./redis.ts";

const bare = nodePeer("accept", "bare Node, 202", [], new URL("./accept.program.ts", import.meta.url));
const add = nodePeer(
  "bullmq",
  "BullMQ add",
  ["bullmq", "ioredis"],
  new URL("./bullmq.add.program.ts", import.meta.url),
);
const WORKER = fileURLToPath(new URL("./bullmq.worker.program.ts", import.meta.url));

/** Reads the body and answers 202: what no queue can be faster than. */
export const accept: Peer = {
  ...bare,
  version: () => `bare Node ${process.version}`,
  start: async (...args) => ({ ...(await bare.start(...args)), queues: true }),
};

/** One BullMQ `add` before each 202. Its time is that of the Node process and of Redis. */
export const bullmqAdd: Peer = {
  ...add,
  version: bullmqVersion,
  install: REDIS_INSTALL,
  async start(bench, _upstreamPort, nodeArgs) {
    const redis = await startRedis(bench);
    const target = await add.start(bench, redis.port, nodeArgs);
    return {
      ...target,
      queues: true,
      alsoPids: [redis.proc.pid],
      tidy: async () => void (await ask(target, "DELETE", "/", 60_000)),
    };
  },
};

/** A worker, beside ours as the other way to empty a queue. */
export const bullmqWorker = {
  name: "bullmq",
  title: "BullMQ worker",
  install: REDIS_INSTALL,
  version: bullmqVersion,
  /** The answer puts so many jobs, and tells how they were drained. */
  async start(bench: Bench, upstreamPort: number, inFlight: number): Promise<(jobs: number) => Promise<Drained>> {
    const redis = await startRedis(bench);
    const ports = [upstreamPort, redis.port].map(String);
    const proc = bench.procs.start("bullmq", process.execPath, [WORKER, ...ports, String(inFlight)]);
    const port = await proc.line((line) => Number(/^ready (\d+)$/.exec(line)?.[1] ?? 0) || null);
    const target = { name: "bullmq", port, paths: ["/"], pid: proc.pid, alsoPids: [redis.proc.pid], stop: proc.stop };
    return async (jobs) => {
      await ask(target, "POST", `/fill/${jobs}`, LIMIT_MS);
      const [before, from] = [timeOf(target), performance.now()];
      await ask(target, "POST", `/drain/${jobs}`, LIMIT_MS);
      return drained(jobs, performance.now() - from, before, timeOf(target));
    };
  },
};

const LIMIT_MS = 5 * 60_000;

function bullmqVersion(): string | null {
  const versions = [packageVersion("bullmq"), packageVersion("ioredis"), redisVersion()];
  return versions.includes(null) ? null : `bullmq ${versions[0]} with ioredis ${versions[1]} and ${versions[2]}`;
}

async function ask({ name, port }: Target, method: string, path: string, limitMs: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, signal: AbortSignal.timeout(limitMs) });
  const said = await response.text();
  if (!response.ok) throw new Error(`${name}: ${method} ${path}: ${response.status} ${said.slice(0, 500)}`);
}
