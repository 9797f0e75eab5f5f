import { createServer } from "node:http";
import { sayReady } from "../lib/node-peer.ts";
import { ANSWER } from "../lib/target.ts";

/** An app that answers after so many milliseconds; without a number it takes every request and says nothing. */
const waitMs = process.argv[2] === undefined ? null : Number(process.argv[2]);
const HEADERS = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(ANSWER) };

const server = createServer({ keepAliveTimeout: 300_000, requestTimeout: 0 }, (request, reply) => {
  request.resume();
  if (waitMs !== null) setTimeout(() => reply.writeHead(200, HEADERS).end(ANSWER), waitMs);
});
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
