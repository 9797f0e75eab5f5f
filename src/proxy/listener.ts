import { chmodSync, existsSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { type AddressInfo, connect, type Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock.ts";
import type { LimitSettings } from "../core/settings.service.ts";
import type { Address, ListenSettings } from "../core/settings.ts";
import { isWebSocket, prepareServer, serverOptions } from "./wire.server.ts";

export interface ListenerHandlers {
  readonly request: (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean) => void;
  readonly upgrade: (req: IncomingMessage, socket: Socket, head: Buffer) => void;
  /** Is this upgrade request for a route that upgrades? Others are plain requests. */
  readonly upgrades: (req: IncomingMessage) => boolean;
}

/** The proxy's listener. */
export interface Listener {
  /** `host:port` or `unix:/path`, as bound. */
  readonly address: string;
  readonly connections: number;
  /** Reads certificate and key again: connections from now on use them. The error leaves the old ones in use. */
  reloadTls(): void;
  /** Takes no new connection, tells kept ones to close, and resolves when the last has gone or `graceMs` is over. */
  close(graceMs: number): Promise<void>;
}

/** A caller that neither reads nor writes for this long is dropped. */
const STALLED_MS = 60_000;
const FULL = Buffer.from(
  "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n" +
    "Outrigger-Outcome: rejected;reason=overload\r\nConnection: close\r\nContent-Length: 117\r\n\r\n" +
    '{"type":"urn:outrigger:problem:overload","title":"Too many connections","status":503,"detail":"limits.connections"}\r\n',
);

/** Binds the listener. `limits` is asked at each connection, so that a reload moves the cap. */
export async function openListener(
  listen: ListenSettings,
  limits: () => LimitSettings,
  handlers: ListenerHandlers,
  clock: Clock,
): Promise<Listener> {
  const server = makeServer(listen, limits(), handlers);
  prepareServer(server as Server, clock);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    if (sockets.size >= limits().connections) {
      socket.on("error", () => socket.destroy());
      socket.end(FULL, () => socket.destroy());
      return;
    }
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.setTimeout(STALLED_MS);
  server.on("request", (req, res) => handlers.request(req, res, false));
  server.on("checkContinue", (req, res) => handlers.request(req, res, true));
  server.on("checkExpectation", (req, res) => handlers.request(req, res, false));
  server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) =>
    handlers.upgrade(req, socket as Socket, head),
  );
  const address = await bind(server as Server, listen.proxy);
  return {
    address,
    get connections() {
      return sockets.size;
    },
    reloadTls() {
      if (listen.tls !== null) (server as SecureServer).setSecureContext(tlsMaterial(listen.tls));
    },
    close: (graceMs) => closeServer(server as Server, sockets, graceMs, clock),
  };
}

function makeServer(listen: ListenSettings, limits: LimitSettings, handlers: ListenerHandlers): Server | SecureServer {
  const options = serverOptions(limits, (req) => isWebSocket(req) && handlers.upgrades(req));
  if (listen.tls === null) return createServer(options);
  const clientCa = listen.tls.clientCa !== null;
  return createSecureServer({
    ...options,
    ...tlsMaterial(listen.tls),
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    requestCert: clientCa,
    rejectUnauthorized: clientCa,
    handshakeTimeout: limits.headersTimeoutMs,
  });
}

function tlsMaterial(tls: NonNullable<ListenSettings["tls"]>): { cert: Buffer; key: Buffer; ca?: Buffer } {
  return {
    cert: readFileSync(tls.cert),
    key: readFileSync(tls.key),
    ...(tls.clientCa === null ? {} : { ca: readFileSync(tls.clientCa) }),
  };
}

/**
 * Binds to `address` and says where, as bound. A unix socket left behind by a process that died is removed first; one
 * that somebody listens on is not.
 */
export async function bind(server: NetServer, address: Address): Promise<string> {
  if (address.kind === "unix") await clearStaleSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // Whoever may write to the socket may call every app: the group may, others may not.
  if (address.kind === "unix") chmodSync(address.path, 0o660);
  return addressText(server, address);
}

async function clearStaleSocket(path: string): Promise<void> {
  if (!existsSync(path) || !statSync(path).isSocket()) return;
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (!alive) unlinkSync(path);
}

/** The address as bound: port 0 has become a real one. */
function addressText(server: NetServer, address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const { port } = server.address() as AddressInfo;
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${port}`;
}

async function closeServer(server: Server, sockets: Set<Socket>, graceMs: number, clock: Clock): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = clock.after(graceMs, destroyAll, sockets);
  await closed;
  clock.cancel(timer);
}

function destroyAll(sockets: Set<Socket>): void {
  for (const socket of sockets) socket.destroy();
}
