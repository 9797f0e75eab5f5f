import { openSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { FROM_HEADER, ID_HEADER } from "../lib/failover.ts";
import { sayReady } from "../lib/node-peer.ts";
import { ANSWER } from "../lib/target.ts";

/**
 * One of the two upstreams. It writes down the number of each request before it works on it, at once: what a process
 * that is killed kept in memory, nobody would know.
 */

const [role = "", file = ""] = process.argv.slice(2);
/** What an app does before it answers: else nothing would be under way when the fault comes. */
const WORK_MS = 20;

const ids = openSync(file, "a");
let broken = false;
process.on("SIGUSR2", () => {
  broken = true;
});

const server = createServer({ keepAliveTimeout: 65_000 }, (request, reply) => {
  request.resume().on("end", () => {
    const id = request.headers[ID_HEADER];
    if (typeof id === "string") writeSync(ids, `${id}\n`);
    const health = request.url === "/health";
    const body = health ? JSON.stringify({ status: broken ? "unhealthy" : "healthy" }) : ANSWER;
    setTimeout(
      () => {
        reply.writeHead(broken ? 500 : 200, {
          "Content-Type": "application/json",
          "Content-Length": Buffer.byteLength(body),
          [FROM_HEADER]: role,
        });
        reply.end(body);
      },
      health ? 0 : WORK_MS,
    );
  });
});
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
