import { createServer } from "node:http";
import { Redis } from "ioredis";
import { sayReady } from "../lib/node-peer.ts";
import { connection, openQueue } from "./bullmq.queue.ts";

/** One `add` per request, and 202 once Redis has taken it. `DELETE` empties the queue. Argument: the port of Redis. */
const port = Number(process.argv[2]);
const queue = openQueue(port);
const redis = new Redis(connection(port));
await queue.waitUntilReady();

const server = createServer((request, reply) => {
  if (request.method === "DELETE") {
    redis.flushall().then(() => reply.writeHead(204).end(), fail);
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { url: path = "/" } = request;
    const headers = { "content-type": request.headers["content-type"] ?? "application/octet-stream" };
    queue.add("deliver", { path, headers, body: Buffer.concat(chunks).toString() }).then(({ id }) => {
      const answer = Buffer.from(JSON.stringify({ queued: true, id }));
      reply.writeHead(202, { "Content-Type": "application/json", "Content-Length": answer.length }).end(answer);
    }, fail);
  });

  function fail(error: Error): void {
    reply.writeHead(503).end(error.message);
  }
});
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
