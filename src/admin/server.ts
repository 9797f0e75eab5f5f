import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { PROBLEM_JSON, problem } from "../core/problem.ts";
import type { Address } from "../core/settings.ts";
import { createAdminApp } from "./app.ts";
import { refuse, SECURITY_HEADERS } from "./env.ts";
import { createFollowers, type StreamTimes } from "./follow.ts";
import { createEventRing, type RingSizes } from "./ring.ts";
import type { AdminServices } from "./services.ts";
import { createSockets } from "./sockets.ts";

/** The admin listener: API, probes, metrics. */
export interface AdminServer {
  /** Opens it, and returns where, as bound. */
  listen(address: Address): Promise<string>;
  /** Ends streams and connections. Twice is safe. */
  close(): Promise<void>;
}

/** Binds a server, as the proxy's listener does it, and says where: `host:port` or `unix:/path`. */
export type Bind = (server: Server, address: Address) => Promise<string>;

export interface AdminServerOptions {
  /** How many events can be resumed from. */
  readonly ring?: RingSizes;
  readonly streams?: StreamTimes;
}

/** People, a scraper and some scripts; far more is a mistake or an attack. */
const MAX_CONNECTIONS = 256;
const SERVER_OPTIONS = {
  connectionsCheckingInterval: 1_000,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 16 * 1024,
};
/** What a request under way at the stop may still take. */
const CLOSE_GRACE_MS = 1_000;

export function createAdminServer(services: AdminServices, bind: Bind, options: AdminServerOptions = {}): AdminServer {
  const { clock } = services;
  const ring = createEventRing(options.ring, services.mask);
  const followers = createFollowers(clock, ring, options.streams);
  const sockets = createSockets(clock, followers);
  let address: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };
  const app = createAdminApp(services, { followers, sockets }, () => address);
  const answer = getRequestListener(app.fetch, {
    // For HTTP/1.0 without Host: the probes need none.
    hostname: "host.invalid",
    overrideGlobalObjects: false,
    errorHandler: () => refuse(400, "bad-request", "Not a request", "the target or the Host field is malformed"),
  });
  const server = createServer(SERVER_OPTIONS, (req, res) => {
    // An answer that ends after the close, as streams do, takes its connection along.
    res.once("finish", () => server.listening || req.socket.destroySoon());
    void answer(req, res);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("upgrade", (req, socket, head) => {
    sockets.upgrade(req, socket, head, async () => {
      const asked = requestOf(req);
      return asked === null
        ? refuse(400, "bad-request", "Not a request", "the target or a field is malformed")
        : app.fetch(asked, { incoming: req });
    });
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseRaw(error, socket as Socket));
  const off = services.events.on(ring.record);
  let closed: Promise<void> | null = null;

  const close = async (): Promise<void> => {
    off();
    followers.close();
    if (!server.listening) return;
    const gone = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const cut = (): void => {
      server.closeAllConnections();
      sockets.close();
    };
    const timer = clock.after(CLOSE_GRACE_MS, cut, undefined);
    await gone;
    clock.cancel(timer);
  };
  return {
    listen(to) {
      address = to;
      return bind(server, to);
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** What asks to be upgraded, for the same judges as every other request; null where it is none. */
function requestOf({ url = "", rawHeaders, method = "GET" }: IncomingMessage): Request | null {
  try {
    const headers = new Headers();
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
    return new Request(new URL(url, "http://host.invalid"), { method, headers });
  } catch {
    return null;
  }
}

const RAW_STATUS: Readonly<Record<string, readonly [status: number, title: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout"],
};

/** Answers what is no HTTP request, and closes: nothing after it can be told apart. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
  const [status, title] = RAW_STATUS[error.code ?? ""] ?? [400, "Bad Request"];
  const body = JSON.stringify(problem(status, "bad-request", title));
  const headers = {
    ...SECURITY_HEADERS,
    "Content-Type": PROBLEM_JSON,
    "Content-Length": body.length,
    Connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${lines.join("")}\r\n${body}`, () => socket.destroy());
}
