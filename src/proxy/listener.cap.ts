import type { Server } from "node:http";
import type { Socket } from "node:net";
import { PROBLEM_JSON, problem } from "../core/problem.ts";
import type { LimitSettings } from "../core/settings.service.ts";
import type { Refuser } from "./wire.refusal.ts";
import { lingerThenDestroy } from "./wire.server.ts";

/** The connections of a listener. */
export interface Cap {
  /** Those that are served. */
  readonly open: ReadonlySet<Socket>;
  /** Ends them all, also those being refused and those still shaking hands. */
  destroy(): void;
}

/** Connections being refused or shaking hands, beyond those served; what is over it is dropped without a word. */
const BEYOND = 1_000;

/**
 * Holds the connections served at once to `limits.connections`: each further one is answered 503 at once and closed.
 * Stands in front of Node's own listener of `event`, which must never see a refused one, or would serve its request.
 */
export function capConnections(
  server: Server,
  event: "connection" | "secureConnection",
  deps: { readonly limits: () => LimitSettings; readonly refuser: Refuser },
): Cap {
  const open = new Set<Socket>();
  const all = new Set<Socket>();
  const serve = server.listeners(event) as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners(event);
  // For TLS this one comes first, with the bare socket, and `event` only after the handshake.
  server.on("connection", (socket: Socket) => {
    applyLimits(server, deps.limits());
    keep(all, socket);
  });
  server.on(event, (socket: Socket) => {
    if (open.size >= deps.limits().connections) return refuse(socket, deps.refuser);
    keep(open, socket);
    for (const listener of serve) listener.call(server, socket);
  });
  applyLimits(server, deps.limits());
  return {
    open,
    destroy() {
      for (const socket of all) socket.destroy();
    },
  };
}

function keep(set: Set<Socket>, socket: Socket): void {
  set.add(socket);
  socket.once("close", () => set.delete(socket));
}

/** Node reads these anew for each connection, or at each of its looks for late ones. */
function applyLimits(server: Server & { maxHeaderSize?: number }, limits: LimitSettings): void {
  server.maxConnections = limits.connections + BEYOND;
  server.maxHeaderSize = limits.headerBytes;
  server.headersTimeout = limits.headersTimeoutMs;
  server.requestTimeout = limits.requestTimeoutMs;
}

// Written without HTTP's machinery: refusing has to cost less than serving.
function refuse(socket: Socket, { clock, told }: Refuser): void {
  socket.on("error", () => socket.destroy());
  socket.end(fullAnswer(told(503, "overload")));
  lingerThenDestroy(socket, clock);
}

function fullAnswer(id: string): Buffer {
  const detail = "limits.connections is reached; come back after Retry-After.";
  const more = { reason: "overload", request_id: id };
  const body = JSON.stringify(problem(503, "overload", "Too many connections", detail, more));
  const head = [
    "HTTP/1.1 503 Service Unavailable",
    `Content-Type: ${PROBLEM_JSON}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-ID: ${id}`,
    "Outrigger-Outcome: rejected;reason=overload",
    "Proxy-Status: outrigger; error=connection_limit_reached",
    "Retry-After: 1",
    "Connection: close",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}
