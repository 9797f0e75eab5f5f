import { once } from "node:events";
import { type AddressInfo, connect, createServer, type LookupFunction, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { Worker } from "node:worker_threads";
import { compileEgress, type EgressRule } from "../../src/core/egress.ts";
import type { UpstreamSettings } from "../../src/core/settings.ts";

/** Peers of every bad manner on the way to a connection: real sockets, in this process or in a thread of their own. */
export interface Peer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Where a peer listens; port 0 is any. */
export interface Where {
  readonly host?: string;
  readonly port?: number;
}

/** Treats each new TCP connection as `greet` does. */
export function startPeer(greet: (socket: Socket) => void, where: Where = {}): Promise<Peer> {
  return listen(createServer(greet), where);
}

/** TLS; each connection that gets through the handshake is shown to `greet`. */
export function startTlsPeer(options: TlsOptions, greet: (socket: Socket) => void, where: Where = {}): Promise<Peer> {
  return listen(createTlsServer(options, greet), where);
}

async function listen(server: Server, { host = "127.0.0.1", port = 0 }: Where): Promise<Peer> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
  });
  server.on("tlsClientError", () => undefined);
  server.on("secureConnection", (socket: Socket) => socket.on("error", () => undefined));
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const socket of open) socket.destroy();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A port where nobody listens. */
export async function closedPort(): Promise<Peer> {
  const peer = await startPeer(() => undefined);
  await peer.stop();
  return peer;
}

/** Answers every request with the same bytes and closes. */
export function answering(bytes: string): (socket: Socket) => void {
  return (socket) => {
    socket.once("data", () => socket.end(Buffer.from(bytes, "latin1")));
  };
}

const ASLEEP = `
const { parentPort, workerData } = require("node:worker_threads");
const server = require("node:net").createServer();
server.listen({ ...workerData, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});
`;

/**
 * A process that stands still, as after SIGSTOP: only its kernel accepts connections, and nobody ever reads from them.
 * With `full`, its queue is full: then not even the kernel answers, and connecting hangs.
 */
export async function startAsleep({
  host = "127.0.0.1",
  port = 0,
  full = false,
}: Where & { full?: boolean } = {}): Promise<Peer> {
  const worker = new Worker(ASLEEP, { eval: true, workerData: { host, port } });
  const [bound] = (await once(worker, "message")) as [number];
  const inQueue: Socket[] = [];
  // Linux lets in one more than the backlog.
  for (let i = 0; full && i < 2; i++) {
    const socket = connect(bound, host);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    inQueue.push(socket);
  }
  return {
    port: bound,
    stop: async () => {
      for (const socket of inQueue) socket.destroy();
      await worker.terminate();
    },
  };
}

/** A resolver of its own: these addresses for every name, an error of this code, or never a word. */
export function resolver(found: readonly string[] | { readonly code: string } | null): LookupFunction {
  return (_name, _options, callback) => {
    if (found === null) return;
    setImmediate(() => {
      if ("code" in found) callback(Object.assign(new Error(found.code), found), []);
      else
        callback(
          null,
          found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
    });
  };
}

/** The rule of a manifest that says nothing of egress, but that it lets tests dial an address to which no route leads. */
export const ANYWHERE: EgressRule = compileEgress({ default: "any", allow: ["255.255.255.255/32"], deny: [] }, "any");

/** The settings that a manifest with this URL makes. */
export function upstreamOf(url: string): UpstreamSettings {
  const { protocol, hostname, port, host, pathname } = new URL(url);
  const secure = protocol === "https:";
  return {
    name: "primary",
    url,
    secure,
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (secure ? 443 : 80),
    authority: host,
    prefix: pathname.replace(/\/$/, ""),
    priority: 0,
    weight: 1,
  };
}
