import { nodePeer } from "../lib/node-peer.ts";

export const relay = nodePeer(
  "relay",
  "bare node:http + undici",
  ["undici"],
  new URL("./relay.program.ts", import.meta.url),
);

export const httpProxy3 = nodePeer(
  "http-proxy-3",
  "http-proxy-3",
  ["http-proxy-3"],
  new URL("./http-proxy-3.program.ts", import.meta.url),
);

export const fastifyHttpProxy = nodePeer(
  "fastify",
  "@fastify/http-proxy",
  ["@fastify/http-proxy", "fastify"],
  new URL("./fastify.program.ts", import.meta.url),
);
