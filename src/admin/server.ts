import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
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

/** What this listener has in common with the proxy's, of whoever opens both. */
export interface Wire {
  /** Binds a server and says where: `host:port` or `unix:/path`. */
  bind(server: Server, address: Address): Promise<string>;
  /** From then on what is no request is refused with these fields, and who stops reading is dropped. */
  prepare(server: Server, fields: typeof SECURITY_HEADERS): void;
  /** What is wrong with a request on the wire, or null. */
  wrong(
    req: IncomingMessage,
  ): { readonly status: number; readonly name: string; readonly title: string; readonly detail?: string } | null;
  /** False where a request is not to be served: then it has its answer, and its connection ends. */
  admits(req: IncomingMessage, res: ServerResponse, fields: typeof SECURITY_HEADERS): boolean;
}

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
  // Node would refuse a missing Host without a word: the wire's checks do it.
  requireHostHeader: false,
};
/** What a request under way at the stop may still take. */
const CLOSE_GRACE_MS = 1_000;

export function createAdminServer(services: AdminServices, wire: Wire, options: AdminServerOptions = {}): AdminServer {
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
  const server = createServer(SERVER_OPTIONS);
  const serve = (expectsContinue: boolean) => (req: IncomingMessage, res: ServerResponse) => {
    if (!wire.admits(req, res, SECURITY_HEADERS)) return;
    if (expectsContinue) res.writeContinue();
    // An answer that ends after the close, as streams do, takes its connection along.
    res.once("finish", () => server.listening || req.socket.destroySoon());
    void answer(req, res);
  };
  server.on("request", serve(false)).on("checkContinue", serve(true)).on("checkExpectation", serve(false));
  server.maxConnections = MAX_CONNECTIONS;
  wire.prepare(server, SECURITY_HEADERS);
  server.on("upgrade", (req, socket, head) => {
    sockets.upgrade(req, socket, head, async () => {
      const wrong = wire.wrong(req);
      if (wrong !== null) return refuse(wrong.status, wrong.name, wrong.title, wrong.detail ?? "");
      const asked = requestOf(req);
      return asked === null
        ? refuse(400, "bad-request", "Not a request", "the target or a field is malformed")
        : app.fetch(asked, { incoming: req });
    });
  });
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
      return wire.bind(server, to);
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
