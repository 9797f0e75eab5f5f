import httpProxy from "@fastify/http-proxy";
import { fastify } from "fastify";
import { sayReady, upstreamUrl } from "../lib/node-peer.ts";

/** As its readme advises for speed: through undici, no logger. */
const server = fastify();
await server.register(httpProxy, { upstream: upstreamUrl(), undici: { connections: 128, pipelining: 1 } });
await server.listen({ host: "127.0.0.1", port: 0 });
sayReady(server.server.address());
