import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../core/clock.ts";
import type { LimitSettings } from "../core/settings.service.ts";
import type { Address } from "../core/settings.ts";
import { bind } from "./listener.bind.ts";
import { type Cap, capConnections } from "./listener.cap.ts";
import type { ServerTls } from "./listener.tls.ts";
import { dropStalled } from "./stalled.ts";
import type { Refuser } from "./wire.refusal.ts";
import { isEnding, isWebSocket, mayUpgrade, prepareServer, serverOptions } from "./wire.server.ts";

export interface ListenerHandlers {
  readonly request: (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean) => void;
  readonly upgrade: (req: IncomingMessage, socket: Socket, head: Buffer) => void;
  /** Is this upgrade request for a route that upgrades? Others are plain requests. */
  readonly upgrades: (req: IncomingMessage) => boolean;
}

interface ListenerOptions {
  readonly address: Address;
  readonly tls: ServerTls | null;
  /** Asked at each connection, so that a reload's limits hold from the next one on. */
  readonly limits: () => LimitSettings;
  readonly handlers: ListenerHandlers;
  readonly refuser: Refuser;
  /** A caller that takes nothing of its answer for this long is dropped; a minute unless given. */
  readonly stalledMs?: number;
}

/** The proxy's listener. */
export interface Listener {
  /** `host:port` or `unix:/path`, as bound. */
  readonly address: string;
  readonly connections: number;
  /** Connections from now on use this certificate and key; those that stand go on. */
  useTls(tls: ServerTls): void;
  /** Takes no new connection, tells kept ones to close, and resolves when the last has gone or `graceMs` is over. */
  close(graceMs: number): Promise<void>;
}

/** Binds the listener. Rejects with an error that says what to do. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { handlers, refuser, limits } = options;
  let { tls } = options;
  const server = makeServer(options);
  prepareServer(server, refuser);
  const cap = capConnections(server, tls === null ? "connection" : "secureConnection", { limits, refuser });
  dropStalled(server, refuser.clock, options.stalledMs);
  const request = (expectsContinue: boolean) => (req: IncomingMessage, res: ServerResponse) => {
    if (!isEnding(req.socket)) handlers.request(req, res, expectsContinue);
  };
  server.on("request", request(false)).on("checkContinue", request(true)).on("checkExpectation", request(false));
  server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) =>
    handlers.upgrade(req, socket as Socket, head),
  );
  const address = await bind(server, options.address);
  return {
    address,
    get connections() {
      return cap.open.size;
    },
    useTls(next) {
      // The same again would only make callers' TLS sessions worthless.
      if (isDeepStrictEqual(next, tls)) return;
      tls = next;
      (server as unknown as SecureServer).setSecureContext({ ...tls });
    },
    close: (graceMs) => closeServer(server, cap, graceMs, refuser.clock),
  };
}

/** Both kinds of server are one to all that follows: HTTP on a socket. */
function makeServer({ tls, limits, handlers }: ListenerOptions): Server {
  const upgrades = (req: IncomingMessage): boolean =>
    isWebSocket(req) && mayUpgrade(req.socket) && handlers.upgrades(req);
  const options = serverOptions(limits(), upgrades);
  if (tls === null) return createServer(options);
  return createSecureServer({
    ...options,
    ...tls,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: tls.ca !== undefined,
    handshakeTimeout: limits().headersTimeoutMs,
  }) as unknown as Server;
}

async function closeServer(server: Server, cap: Cap, graceMs: number, clock: Clock): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // Answers whose head had promised to keep the connection: it closes as soon as they are whole.
  server.keepAliveTimeout = 1;
  server.keepAliveTimeoutBuffer = 0;
  const timer = clock.after(graceMs, cap.destroy, undefined);
  await closed;
  clock.cancel(timer);
}
