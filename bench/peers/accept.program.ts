import { createServer } from "node:http";
import { sayReady } from "../lib/node-peer.ts";

/** The least that taking a request for later costs: reads the body, answers 202, keeps nothing. */
const ANSWER = Buffer.from('{"queued":true}');

const server = createServer((request, reply) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    Buffer.concat(chunks);
    reply.writeHead(202, { "Content-Type": "application/json", "Content-Length": ANSWER.length }).end(ANSWER);
  });
});
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
