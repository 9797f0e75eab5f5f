import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction, connect as netConnect, type Socket } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import type { Clock, Timer } from "../core/clock.ts";
import type { EgressRule } from "../core/egress.ts";
import type { UpstreamSettings } from "../core/settings.ts";
import { ConnectError, connectError, isTlsAlert, overdueError, type Stage } from "./connect.error.ts";
import { guardLookup, refusedLiteral } from "./egress.ts";

/** Contents of the files of an app's `tls` block, read by whoever opens the upstream. */
export interface TlsMaterial {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly serverName: string | null;
}

export interface ConnectDeps {
  readonly clock: Clock;
  /** Who may be dialled. */
  readonly egress: EgressRule;
  /** The system's resolver unless given. Whatever it finds is checked. */
  readonly lookup?: LookupFunction;
}

type Callback = (error: Error | null, socket: Socket | null) => void;

/**
 * Opens one connection; the shape that undici and Node's agents ask for. Where to is not theirs to say, and what comes
 * back is for those who may give up sooner.
 */
export type Connect = (options: unknown, callback: Callback) => Opening;

/** A connection on its way. */
export interface Opening {
  /** The error of one who waited `ms` for it, named by what it still waits for. */
  overdue(ms: number): ConnectError;
  /** Gives up: the callback gets an error, unless it was called already. */
  cancel(): void;
}

export interface Connector {
  readonly connect: Connect;
  /** The error of one who got none of its connections within `ms`. */
  overdue(ms: number): ConnectError;
}

/** Where a connection goes. */
type Endpoint = Pick<UpstreamSettings, "secure" | "hostname" | "port" | "authority">;

/**
 * The way a connection to one upstream is made: the name looked up once and checked, TCP to the checked addresses in
 * turn until one takes it, then TLS where the URL says https, all within `timeoutMs` (undici's own connect timer may be
 * half a second late). There is no other way out of the process, so whoever may not be dialled is refused here.
 * Errors come as {@link ConnectError} with a reason.
 */
export function createConnector(
  upstream: Endpoint,
  tls: TlsMaterial | null,
  timeoutMs: () => number,
  deps: ConnectDeps,
): Connector {
  const underWay = new Set<Dialing>();
  const lookup = guardLookup(deps.lookup ?? systemLookup, deps.egress);
  return {
    connect(_options, callback) {
      const dialing = new Dialing(upstream, timeoutMs(), deps.clock, (error, socket) => {
        underWay.delete(dialing);
        callback(error, socket);
      });
      // Throws where the TLS material is unusable: then nothing is under way.
      dialing.begin(tls, lookup, refusedLiteral(upstream.hostname, deps.egress));
      underWay.add(dialing);
      return dialing;
    },
    overdue(ms) {
      const stages = Array.from(underWay, ({ stage }) => stage);
      // Which one was meant for whom is undici's secret, so the lookup is only blamed where it holds up every one.
      const furthest = (["tls", "tcp", "lookup"] as const).find((stage) => stages.includes(stage));
      return overdueError(furthest ?? "tcp", upstream.authority, ms);
    },
  };
}

/**
 * Node tries the addresses of a name one after the other, RFC 8305's families in turn, and leaves one that says nothing
 * after this time for the next: so at least four of them fit in, and the last has all that is left.
 */
function attemptMs(timeoutMs: number): number {
  return Math.min(Math.max(Math.floor(timeoutMs / 4), 10), 500);
}

function openTcp(upstream: Endpoint, timeoutMs: number, lookup: LookupFunction): Socket {
  return netConnect({
    host: upstream.hostname,
    port: upstream.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: attemptMs(timeoutMs),
    lookup,
  });
}

function openTls(upstream: Endpoint, tls: TlsMaterial | null, timeoutMs: number, lookup: LookupFunction): TLSSocket {
  const serverName = tls?.serverName ?? upstream.hostname;
  // Node's types of `tls.connect` leave out what it hands on to `net.connect`.
  const options: ConnectionOptions & { autoSelectFamily: boolean; autoSelectFamilyAttemptTimeout: number } = {
    host: upstream.hostname,
    port: upstream.port,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: attemptMs(timeoutMs),
    ALPNProtocols: ["http/1.1"],
    // RFC 6066 section 3: an address is no server name.
    ...(/^[\d.]+$|:/.test(serverName) ? {} : { servername: serverName }),
    ...(tls?.ca ? { ca: tls.ca } : {}),
    ...(tls?.cert ? { cert: tls.cert } : {}),
    ...(tls?.key ? { key: tls.key } : {}),
    lookup,
  };
  const socket = tlsConnect(options);
  socket.setNoDelay(true);
  return socket;
}

/** One connection on its way: settles once, by success, error or time. */
class Dialing implements Opening {
  readonly #upstream: Endpoint;
  readonly #clock: Clock;
  readonly #callback: Callback;
  readonly #timeoutMs: number;
  #socket: Socket | null = null;
  #timer: Timer | null = null;
  #stage: Stage;
  #settled = false;

  constructor(upstream: Endpoint, timeoutMs: number, clock: Clock, callback: Callback) {
    this.#upstream = upstream;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#callback = callback;
    this.#stage = isIP(upstream.hostname) === 0 ? "lookup" : "tcp";
  }

  get stage(): Stage {
    return this.#stage;
  }

  begin(tls: TlsMaterial | null, lookup: LookupFunction, refused: ConnectError | null): void {
    const { secure } = this.#upstream;
    if (refused !== null) {
      // Not at once: whoever asks expects the answer after the call.
      process.nextTick(() => this.#settle(refused));
      return;
    }
    const watched = this.#watch(lookup);
    const socket = secure
      ? openTls(this.#upstream, tls, this.#timeoutMs, watched)
      : openTcp(this.#upstream, this.#timeoutMs, watched);
    this.#socket = socket;
    this.#timer = this.#clock.after(this.#timeoutMs, Dialing.#late, this as Dialing);
    socket.once("connect", () => {
      this.#stage = "tls";
      if (!secure) this.#settle(null);
    });
    if (secure) socket.once("secureConnect", () => this.#settle(null));
    socket.once("error", this.#onError);
    socket.once("close", this.#onClose);
  }

  /** A lookup that says when it has found something. Node breaks on an empty list, which a filter may leave. */
  #watch(lookup: LookupFunction): LookupFunction {
    return (hostname, options, callback) => {
      lookup(hostname, options, (error, addresses, family) => {
        if (error === null && addresses.length === 0) {
          const none = Object.assign(new Error("no address"), { code: "ENODATA" });
          callback(none, addresses, family);
          return;
        }
        if (error === null) this.#stage = "tcp";
        callback(error, addresses, family);
      });
    };
  }

  static #late(dialing: Dialing): void {
    dialing.#settle(dialing.overdue(dialing.#timeoutMs));
  }

  overdue(ms: number): ConnectError {
    return overdueError(this.#stage, this.#upstream.authority, ms);
  }

  cancel(): void {
    this.#settle(new ConnectError("connect", "connection_terminated", "given up"));
  }

  readonly #onError = (error: Error): void => {
    const badCertificate = Boolean((this.#socket as Partial<TLSSocket>).authorizationError);
    this.#settle(connectError(error, this.#stage, badCertificate));
  };

  readonly #onClose = (): void => {
    const during = this.#stage === "tls" ? "during TLS" : "at once";
    const detail = `${this.#upstream.authority} closed the connection ${during}`;
    this.#settle(
      this.#stage === "tls"
        ? new ConnectError("tls", "tls_protocol_error", detail)
        : new ConnectError("connect", "connection_terminated", detail),
    );
  };

  #settle(error: ConnectError | null): void {
    if (this.#settled) return;
    this.#settled = true;
    if (this.#timer) this.#clock.cancel(this.#timer);
    const socket = this.#socket;
    socket?.off("error", this.#onError);
    socket?.off("close", this.#onClose);
    if (error === null) {
      if (this.#upstream.secure) socket?.once("error", endByAlert);
      this.#callback(null, socket);
      return;
    }
    // A socket destroyed half open may still report an error: nobody else listens by then.
    socket?.on("error", () => undefined);
    socket?.destroy();
    this.#callback(error, null);
  }
}

/**
 * With TLS 1.3 an app may refuse our certificate after the handshake. Node reports that and goes on to the end of the
 * stream, which undici then takes for the cause: so it ends here.
 */
function endByAlert(this: Socket, error: NodeJS.ErrnoException): void {
  if (isTlsAlert(error.code ?? "")) this.destroy(error);
}
