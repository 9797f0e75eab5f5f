import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../core/clock.ts";
import type { LimitSettings } from "../core/settings.service.ts";
import { REFUSED_METHOD, type Refusal, type Refuser, refusal, refusalBytes } from "./wire.refusal.ts";

/** What `Keep-Alive: timeout=` tells callers; {@link KEEP_ALIVE_GRACE_MS} later an idle connection is really closed. */
const KEEP_ALIVE_MS = 30_000;
/** A request sent at the last moment of the announced time must not meet a closing socket. */
const KEEP_ALIVE_GRACE_MS = 5_000;
/** How long a refused caller may go on sending before its connection is cut. */
const LINGER_MS = 1_000;

/**
 * Options for `http.createServer` and `https.createServer`. `upgrades` decides which upgrade requests raise an
 * `upgrade` event; of all others the Upgrade header is ignored, as RFC 9110 section 7.8 allows.
 */
export function serverOptions(limits: LimitSettings, upgrades: (req: IncomingMessage) => boolean): ServerOptions {
  return {
    insecureHTTPParser: false,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    // Node looks for late requests only this often: with its default of 30 s the two limits above would be fiction.
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveTimeoutBuffer: KEEP_ALIVE_GRACE_MS,
    // Node would answer a missing Host without a body and only for HTTP/1.1: checkRequest does it for all.
    requireHostHeader: false,
    // A request without a body then has no `data` and no `end` event: ask hasBody before waiting for one.
    optimizeEmptyRequests: true,
    noDelay: true,
    shouldUpgradeCallback: upgrades,
  };
}

/**
 * Is this the one upgrade we serve (RFC 6455 section 4.1)? `h2c` and all others are ignored, and any in HTTP/1.0 (RFC
 * 9110 section 7.8). A handshake has no body: what follows the head of one that announces a body would be taken for
 * frames of the WebSocket.
 */
export function isWebSocket(req: IncomingMessage): boolean {
  return (
    req.httpVersion === "1.1" &&
    req.method === "GET" &&
    req.headers.upgrade?.toLowerCase() === "websocket" &&
    !hasBody(req)
  );
}

/** Does the request announce a body (RFC 9112 section 6.3)? Of one that does not, no `end` event will come. */
export function hasBody(req: IncomingMessage): boolean {
  return req.headers["content-length"] !== undefined || req.headers["transfer-encoding"] !== undefined;
}

/**
 * What no `request` event tells: broken bytes, late callers and CONNECT are answered as problem+json and the
 * connection closes. Also shows `checkRequest` every header: Node would otherwise cut the list or refuse it itself.
 */
export function prepareServer(server: Server, refuser: Refuser): void {
  server.maxHeadersCount = 0;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    answerClientError(error, socket as Socket, refuser);
  });
  server.on("connect", (_req: IncomingMessage, duplex: Duplex) => {
    const socket = duplex as Socket;
    if (isEnding(socket)) return;
    // Node has let go of the connection: behind a request that still waits there can be no answer in its turn.
    if (pendingResponse(socket) !== undefined) socket.destroy();
    else refuseSocket(socket, REFUSED_METHOD, refuser);
  });
}

/** Set on a connection whose last answer is decided. */
const ENDING: unique symbol = Symbol("ending");

/**
 * The connection closes after this answer. What its caller has sent behind the request may be on its way through the
 * parser already: it is no request any more (RFC 9112 section 9.6), least of all where the framing was in doubt.
 */
export function endWith(res: ServerResponse): void {
  res.shouldKeepAlive = false;
  (res.req.socket as Socket & { [ENDING]?: true })[ENDING] = true;
}

/** Is nothing more to be served on this connection? */
export function isEnding(socket: Socket): boolean {
  return (socket as Socket & { [ENDING]?: true })[ENDING] === true;
}

/** May this connection become a WebSocket? Not while an answer is due on it: Node would hand it over under that one. */
export function mayUpgrade(socket: Socket): boolean {
  return !isEnding(socket) && pendingResponse(socket) === undefined;
}

/** Writes the refusal, says goodbye, and drops what the caller still sends. */
export function refuseSocket(socket: Socket, refused: Refusal, refuser: Refuser): void {
  socket.on("error", () => socket.destroy());
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(refusalBytes(refused, refuser.told(refused.status, refused.reason), refuser.own));
  lingerThenDestroy(socket, refuser.clock);
}

/**
 * Closes in a way that lets the answer arrive: destroying a socket with unread input sends a reset, which may
 * overtake the last bytes we wrote (RFC 9112 section 9.6).
 */
export function lingerThenDestroy(socket: Socket, clock: Clock): void {
  if (socket.destroyed) return;
  const timer = clock.after(LINGER_MS, (late: Socket) => late.destroy(), socket);
  socket.once("close", () => clock.cancel(timer));
  socket.on("end", () => socket.destroySoon());
  socket.resume();
}

function answerClientError(error: NodeJS.ErrnoException, socket: Socket, refuser: Refuser): void {
  // Parsing goes on failing with each further packet; the first failure has been answered.
  if (socket.writableEnded || socket.destroyed) return;
  const refused = refusalOf(error);
  const response = pendingResponse(socket);
  if (response === undefined) refuseSocket(socket, refused, refuser);
  else if (response.req.complete) closeAfter(response, () => refuseSocket(socket, refused, refuser));
  // The bad bytes are in the body of the very request that is being answered: cut the answer, or be the answer.
  else if (response.headersSent) socket.destroy();
  else refuseSocket(socket, refused, refuser);
}

/** The bad bytes follow a whole request whose answer is still on its way: that one is not to be disturbed. */
function closeAfter(response: ServerResponse, refuse: () => void): void {
  if (response.headersSent) response.once("finish", refuse);
  // Its answer will say Connection: close and be the last.
  else response.shouldKeepAlive = false;
}

const OVERFLOW = refusal(431, "the request head is larger than limits.header_bytes");
const EXTENSIONS = refusal(413, "chunk extensions are larger than 16 KiB");
const LATE = refusal(408, "the request did not arrive in time");
const MALFORMED = refusal(400, "the bytes received are no HTTP/1.1 request");

function refusalOf(error: NodeJS.ErrnoException): Refusal {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return OVERFLOW;
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return EXTENSIONS;
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return LATE;
    default:
      return MALFORMED;
  }
}

/** The response now being written on this socket: Node's own clientError handling looks at it too, under this name. */
function pendingResponse(socket: Socket): ServerResponse<IncomingMessage> | undefined {
  return (socket as Socket & { _httpMessage?: ServerResponse<IncomingMessage> | null })._httpMessage ?? undefined;
}
