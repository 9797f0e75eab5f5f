import type { Dispatcher, Client as SingleClient, Pool as UpstreamPool } from "undici";
import type { UpstreamSettings } from "../core/settings.ts";
import { Client, Pool } from "../core/undici.ts";
import type { ConnectError } from "./connect.error.ts";
import { type Connect, type ConnectDeps, createConnector, type TlsMaterial } from "./connect.ts";
import { guardHeads } from "./parser.ts";

/** Connections to one upstream of one app: never shared with another app, whatever the address. */
export interface UpstreamClient {
  readonly settings: UpstreamSettings;
  readonly pool: Dispatcher;
  /** Opens a connection of the same kind outside the pool: for streams and WebSockets. */
  readonly connect: Connect;
  /** Why a try that waited `ms` has no connection yet. */
  overdue(ms: number): ConnectError;
  /** A connection of its own for one request, opened by `connect` when that is dispatched: waits behind no other. */
  single(connect: Connect): SingleClient;
  /** The longest `connect_timeout` of the routes that use it; each route's own is kept by its tries. */
  connectTimeoutMs: number;
  /**
   * No manifest names the upstream any more: idle connections end now, used ones with their request. Requests that
   * began under the old manifest may still come; each gets a connection of its own. Resolves once the ones that there
   * were are closed.
   */
  retire(): Promise<void>;
  /** Ends idle connections; those in use end with their request. Twice is safe. */
  close(): Promise<void>;
}

/** A response's head may be this large; what is larger is no answer. */
const MAX_RESPONSE_HEAD = 64 * 1024;

/** Opens nothing yet: connections come with the first tries, at most `connections` of them. */
export function createUpstreamClient(
  settings: UpstreamSettings,
  options: { readonly connections: number; readonly connectTimeoutMs: number; readonly tls: TlsMaterial | null },
  deps: ConnectDeps,
): UpstreamClient {
  const origin = `${settings.secure ? "https" : "http"}://${settings.hostname.includes(":") ? `[${settings.hostname}]` : settings.hostname}:${settings.port}`;
  const { connect, overdue } = createConnector(settings, options.tls, () => client.connectTimeoutMs, deps);
  const how = (pipelining: 0 | 1, connectBy: Connect) => ({
    // 0 is one request and no more: the connection closes after it.
    pipelining,
    allowH2: false,
    // The parser whose heads are guarded; the environment may ask undici for another.
    useMilo: false,
    // Ours are exact; undici's are half a second coarse and would only come later.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4_000,
    maxHeaderSize: MAX_RESPONSE_HEAD,
    connect: forUndici(connectBy) as never,
  });
  const openPool = (pipelining: 0 | 1): UpstreamPool =>
    new Pool(origin, { connections: options.connections, ...how(pipelining, connect) });
  let pool = openPool(1);
  const closePool = async (old: UpstreamPool): Promise<void> => {
    if (!old.closed && !old.destroyed) await old.close();
  };
  const client: UpstreamClient = {
    settings,
    connect,
    overdue,
    single: (connectBy) => new Client(origin, how(0, connectBy)),
    connectTimeoutMs: options.connectTimeoutMs,
    get pool() {
      return pool;
    },
    retire() {
      const old = pool;
      pool = openPool(0);
      return closePool(old);
    },
    close: () => closePool(pool),
  };
  return client;
}

/** undici makes its parser in the callback. */
function forUndici(connect: Connect): Connect {
  return (options, callback) =>
    connect(options, (error, socket) => {
      callback(error, socket);
      if (socket !== null) guardHeads(socket);
    });
}
