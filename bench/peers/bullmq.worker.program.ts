import { createServer } from "node:http";
import { Worker } from "bullmq";
import { Pool } from "undici";
import { sayReady, upstreamUrl } from "../lib/node-peer.ts";
import { BODY } from "../lib/target.ts";
import { connection, type Delivery, openQueue, QUEUE } from "./bullmq.queue.ts";

/**
 * A worker that sends each job to the upstream: `POST /fill/N` puts N jobs, `POST /drain/N` has them sent and answers
 * once they are. Arguments: the ports of the upstream and of Redis, and how many are sent at once.
 */
const redis = connection(Number(process.argv[3]));
const concurrency = Number(process.argv[4]);
const pool = new Pool(upstreamUrl(), { connections: concurrency, pipelining: 1 });
const queue = openQueue(redis.port);
let left = 0;
let failed: Error | null = null;
let done = (): void => {};

const worker = new Worker<Delivery>(
  QUEUE,
  async ({ data: { path, headers, body } }) => {
    const answer = await pool.request({ method: "POST", path, headers, body });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new Error(`the upstream answered ${answer.statusCode}`);
  },
  { connection: redis, concurrency, autorun: false },
);
worker.on("completed", () => {
  if (--left === 0) done();
});
worker.on("failed", (_, error) => {
  failed = error;
  done();
});
await worker.waitUntilReady();
await worker.pause();
void worker.run();

const BATCH = 1_000;
const headers = { "content-type": "application/json" };

async function fill(jobs: number): Promise<void> {
  for (let more = jobs; more > 0; more -= BATCH) {
    const data = { path: "/webhooks/answer", headers, body: BODY };
    await queue.addBulk(Array.from({ length: Math.min(BATCH, more) }, () => ({ name: "deliver", data })));
  }
}

async function drain(jobs: number): Promise<void> {
  left = jobs;
  const emptied = new Promise<void>((resolve) => {
    done = resolve;
  });
  await worker.resume();
  await emptied;
  await worker.pause();
  if (failed !== null) throw failed;
}

const server = createServer((request, reply) => {
  const [, verb, count] = (request.url ?? "").split("/");
  (verb === "fill" ? fill : drain)(Number(count)).then(
    () => reply.end("done"),
    (error: Error) => reply.writeHead(500).end(error.message),
  );
});
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
