import { type LookupFunction, connect as netConnect, type Socket } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import type { Clock, Timer } from "../core/clock.ts";
import type { FaultKind, ProxyError } from "../core/fault.ts";
import type { UpstreamSettings } from "../core/settings.ts";

/** Why no connection came about. Nothing of a request was written, so any method may be tried again. */
export class ConnectError extends Error {
  readonly reason: Extract<FaultKind, "connect" | "tls" | "dns" | "egress">;
  readonly proxyError: ProxyError;

  constructor(reason: ConnectError["reason"], proxyError: ProxyError, message: string) {
    super(message);
    this.name = "ConnectError";
    this.reason = reason;
    this.proxyError = proxyError;
  }
}

/** Contents of the files of an app's `tls` block, read by whoever opens the upstream. */
export interface TlsMaterial {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly serverName: string | null;
}

export interface ConnectDeps {
  readonly clock: Clock;
  /** The system's resolver unless given: what tests and the egress guard put in its place. */
  readonly lookup?: LookupFunction;
}

type Callback = (error: Error | null, socket: Socket | null) => void;

/** Opens one connection; the shape that undici and Node's agents ask for. Where to is not theirs to say. */
export type Connect = (options: unknown, callback: Callback) => void;

/** Where a connection goes. */
type Endpoint = Pick<UpstreamSettings, "secure" | "hostname" | "port" | "authority">;

/**
 * The way a connection to one upstream is made: TCP, then TLS where the URL says https, all within `timeoutMs`
 * (undici's own connect timer may be half a second late). Errors come as {@link ConnectError} with a reason.
 */
export function createConnector(
  upstream: Endpoint,
  tls: TlsMaterial | null,
  timeoutMs: () => number,
  deps: ConnectDeps,
): Connect {
  return (_options, callback) => {
    const socket = upstream.secure ? openTls(upstream, tls, deps) : openTcp(upstream, deps);
    new Opening(socket, upstream, timeoutMs(), deps.clock, callback).begin();
  };
}

function openTcp(upstream: Endpoint, deps: ConnectDeps): Socket {
  return netConnect({
    host: upstream.hostname,
    port: upstream.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    ...(deps.lookup ? { lookup: deps.lookup } : {}),
  });
}

function openTls(upstream: Endpoint, tls: TlsMaterial | null, deps: ConnectDeps): TLSSocket {
  const serverName = tls?.serverName ?? upstream.hostname;
  const options: ConnectionOptions = {
    host: upstream.hostname,
    port: upstream.port,
    ALPNProtocols: ["http/1.1"],
    // RFC 6066 section 3: an address is no server name.
    ...(/^[\d.]+$|:/.test(serverName) ? {} : { servername: serverName }),
    ...(tls?.ca ? { ca: tls.ca } : {}),
    ...(tls?.cert ? { cert: tls.cert } : {}),
    ...(tls?.key ? { key: tls.key } : {}),
    ...(deps.lookup ? { lookup: deps.lookup } : {}),
  };
  const socket = tlsConnect(options);
  socket.setNoDelay(true);
  return socket;
}

/** One connection on its way: settles once, by success, error or time. */
class Opening {
  readonly #socket: Socket;
  readonly #upstream: Endpoint;
  readonly #clock: Clock;
  readonly #callback: Callback;
  readonly #timeoutMs: number;
  #timer: Timer | null = null;
  #tcpOpen = false;
  #settled = false;

  constructor(socket: Socket, upstream: Endpoint, timeoutMs: number, clock: Clock, callback: Callback) {
    this.#socket = socket;
    this.#upstream = upstream;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#callback = callback;
  }

  begin(): void {
    this.#timer = this.#clock.after(this.#timeoutMs, Opening.#late, this as Opening);
    this.#socket.once("connect", () => {
      this.#tcpOpen = true;
      if (!this.#upstream.secure) this.#settle(null);
    });
    if (this.#upstream.secure) this.#socket.once("secureConnect", () => this.#settle(null));
    this.#socket.once("error", this.#onError);
    this.#socket.once("close", this.#onClose);
  }

  static #late(opening: Opening): void {
    const detail = `no connection to ${opening.#upstream.authority} within ${opening.#timeoutMs} ms`;
    opening.#settle(new ConnectError("connect", "connection_timeout", detail));
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => this.#settle(connectError(error, this.#tcpOpen));

  readonly #onClose = (): void => {
    const detail = `${this.#upstream.authority} closed the connection ${this.#tcpOpen ? "during TLS" : "at once"}`;
    this.#settle(
      this.#tcpOpen
        ? new ConnectError("tls", "tls_protocol_error", detail)
        : new ConnectError("connect", "connection_terminated", detail),
    );
  };

  #settle(error: ConnectError | null): void {
    if (this.#settled) return;
    this.#settled = true;
    if (this.#timer) this.#clock.cancel(this.#timer);
    this.#socket.off("error", this.#onError);
    this.#socket.off("close", this.#onClose);
    if (error === null) {
      this.#callback(null, this.#socket);
      return;
    }
    // A socket destroyed half open may still report an error: nobody else listens by then.
    this.#socket.on("error", () => undefined);
    this.#socket.destroy();
    this.#callback(error, null);
  }
}

/** Names an error of `net` or `tls` in our words. `tcpOpen`: it came after TCP stood, so it is about TLS. */
function connectError(error: NodeJS.ErrnoException, tcpOpen: boolean): ConnectError {
  const code = errorCode(error);
  if (code === "ENOTFOUND" || code.startsWith("EAI_") || error.syscall === "getaddrinfo") {
    return new ConnectError("dns", code === "EAI_AGAIN" ? "dns_timeout" : "dns_error", `name lookup failed: ${code}`);
  }
  if (tcpOpen) {
    const certificate = /CERT|ALTNAME|SELF_SIGNED|UNABLE_TO|HOSTNAME/.test(code);
    return new ConnectError(
      "tls",
      certificate ? "tls_certificate_error" : "tls_protocol_error",
      `TLS handshake failed: ${code || error.message}`,
    );
  }
  const proxyError = code === "ETIMEDOUT" ? "connection_timeout" : "connection_refused";
  return new ConnectError("connect", proxyError, `connection failed: ${code || error.message}`);
}

// With several addresses Node reports an AggregateError whose parts carry the codes.
function errorCode(error: NodeJS.ErrnoException): string {
  if (error instanceof AggregateError) {
    const first: unknown = error.errors[0];
    if (first instanceof Error) return (first as NodeJS.ErrnoException).code ?? "";
  }
  return error.code ?? "";
}
