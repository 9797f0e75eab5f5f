import { Agent, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { fault } from "../core/fault.ts";
import type { PassthroughDeps, PassthroughExchange, PassthroughResult, Relay } from "./passthrough.relay.ts";
import { WebSocketRelay } from "./passthrough.upgrade.ts";
import { WebRelay } from "./passthrough.web.ts";

/**
 * `mode: passthrough`: requests and answers go through as they come, bodies of any size, and WebSocket. On Node's own
 * client rather than http-proxy-3: that one merges headers, rewrites the path, frames DELETE anew, hangs on a cut
 * answer and on a caller who leaves before an upgrade; with all this taken out nothing of it would be left.
 */
export interface Passthrough {
  /** Relays one request. Resolves once, never rejects; where `headSent` is false, `res` still waits for an answer. */
  web(req: IncomingMessage, res: ServerResponse, x: PassthroughExchange): Promise<PassthroughResult>;
  /**
   * Relays one WebSocket until it ends. `res` is of {@link responseOn}: a refusal of the app's goes there, and where
   * `headSent` is false it still waits for an answer. Never tried twice.
   */
  upgrade(
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    res: ServerResponse,
    x: PassthroughExchange,
  ): Promise<PassthroughResult>;
  /** Ends what is still open. Each relay then resolves; twice is safe. */
  close(): void;
}

export function createPassthrough(deps: PassthroughDeps): Passthrough {
  const open = new Set<Relay>();
  const relay = async (made: Relay): Promise<PassthroughResult> => {
    open.add(made);
    try {
      return await made.run();
    } finally {
      open.delete(made);
    }
  };
  return {
    web: (req, res, x) => relay(new WebRelay(req, res, x, deps)),
    upgrade: (req, socket, head, res, x) => relay(new WebSocketRelay(req, socket as Socket, head, res, x, deps)),
    close: () => {
      const reason = fault("reset", "Outrigger is stopping", { written: true, aborted: true });
      for (const each of open) each.end(reason);
    },
  };
}

/** Idle connections end before most apps would close them under a request. */
const IDLE_CONNECTION_MS = 4_000;

/**
 * The connections to one upstream of one app, made by its connector (which also does TLS and the egress guard). Give
 * it no more requests at once than `connections`: what is beyond waits here.
 */
export function createPassthroughAgent(
  connect: (options: unknown, callback: (error: Error | null, socket: Socket | null) => void) => void,
  connections: number,
): Agent {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: connections,
    scheduling: "lifo",
    timeout: IDLE_CONNECTION_MS,
  });
  agent.createConnection = (options, callback) => {
    connect(options, callback as (error: Error | null, socket: Socket | null) => void);
    return undefined;
  };
  return agent;
}
