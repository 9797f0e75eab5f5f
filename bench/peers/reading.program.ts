import { createServer } from "node:http";
import { sayReady } from "../lib/node-peer.ts";
import { ANSWER } from "../lib/target.ts";

/** An app that answers once it has read all of a request, whatever its size. */
const HEADERS = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(ANSWER) };

const server = createServer({ keepAliveTimeout: 300_000 }, (request, reply) => {
  request.resume().on("end", () => reply.writeHead(200, HEADERS).end(ANSWER));
});
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
