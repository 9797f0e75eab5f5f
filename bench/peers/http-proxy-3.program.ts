import { Agent, createServer } from "node:http";
import { createProxyServer } from "http-proxy-3";
import { sayReady, upstreamUrl } from "../lib/node-peer.ts";

/** As in its readme, with an agent that keeps connections: without one it opens a connection for each request. */
const proxy = createProxyServer({ target: upstreamUrl(), agent: new Agent({ keepAlive: true, maxSockets: 1024 }) });
proxy.on("error", (error, _, reply) => {
  if ("writeHead" in reply) reply.writeHead(502).end(error.message);
});
const server = createServer((request, reply) => void proxy.web(request, reply));
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
