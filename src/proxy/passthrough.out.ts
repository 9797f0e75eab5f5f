import { type ClientRequest, type IncomingMessage, request, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Fault, fault } from "../core/fault.ts";
import { endToEnd, headerCount, type RawHeaders } from "../core/headers.ts";
import { ConnectError, isTlsAlert } from "../upstream/connect.error.ts";
import type { Framing } from "./passthrough.head.ts";
import type { PassthroughExchange } from "./passthrough.relay.ts";

/** A response's head may be this large; what is larger is no answer. */
const MAX_RESPONSE_HEAD = 64 * 1024;

/** Begins a request to the upstream. Given as a flat list, the headers are written as they are, in their order. */
export function openRequest(x: PassthroughExchange, method: string, framing: RawHeaders): ClientRequest {
  return request({
    agent: x.agent,
    // Only the agent's name for its connections: the connector knows where to go.
    host: x.upstream.hostname,
    port: x.upstream.port,
    method,
    path: x.path,
    headers: [...x.headers, "Host", x.host, ...framing],
    setHost: false,
    insecureHTTPParser: false,
    maxHeaderSize: MAX_RESPONSE_HEAD,
  });
}

/** Methods for which Node writes no framing where we give none, so that none needs to be said. */
const PLAIN = new Set(["GET", "HEAD", "DELETE", "OPTIONS"]);

/** The framing of a request, told anew from what arrived; the method has no say in it. */
export function framingOf(req: IncomingMessage): RawHeaders {
  if (req.headers["transfer-encoding"] !== undefined) return ["Transfer-Encoding", "chunked"];
  const length = req.headers["content-length"];
  if (length !== undefined) return ["Content-Length", String(Number(length))];
  return PLAIN.has(req.method ?? "") ? [] : ["Content-Length", "0"];
}

const OURS: ReadonlySet<string> = new Set(["x-request-id", "outrigger-outcome"]);
const OURS_AND_LENGTH: ReadonlySet<string> = new Set([...OURS, "content-length"]);

/**
 * The head of an answer as the caller may have it, or null where it can't be trusted: Node's parser takes codings
 * other than chunked, of which we would strip the name and pass on the bytes. `framing`: see {@link watchFraming}.
 */
export function answerHead(method: string, answer: IncomingMessage, framing: Framing): string[] | null {
  const { rawHeaders } = answer;
  const status = answer.statusCode ?? 0;
  // Node hands over a bare 101 as if it were an answer.
  if (answer.httpVersionMajor !== 1 || status < 200 || status > 599) return null;
  if (answer.headers["transfer-encoding"] !== undefined) {
    // Where the app speaks HTTP/1.0 it knows no chunks, and others would take them for the body (RFC 9112 section 6.1).
    if (answer.httpVersionMinor === 0 || headerCount(rawHeaders, "content-length") > 0 || !framing.chunked())
      return null;
  }
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  return endToEnd(rawHeaders, bodiless ? OURS_AND_LENGTH : OURS);
}

/** Interim answers are dropped: `end` hears of one that must not be. A 101 is none of them to Node. */
export function dropInterims(out: ClientRequest, end: (reason: Fault) => void): void {
  out.on("information", ({ httpVersion, httpVersionMajor }) => {
    if (httpVersionMajor !== 1) end(otherVersion(httpVersion));
  });
}

/** An answer that says it is of `version`, which is none that can stand there. */
export function otherVersion(version: string): Fault {
  return badAnswer(`an answer in HTTP/${version}`);
}

/** Names what Node's client reports. `status` is that of the head that had come, 0 for none. */
export function faultOfError(error: NodeJS.ErrnoException, written: boolean, status: number): Fault {
  if (error instanceof ConnectError) return fault(error.reason, error.message, { proxyError: error.proxyError });
  // What Node calls an invalid end of file is a connection that ended too soon.
  if (error.code?.startsWith("HPE_") && error.code !== "HPE_INVALID_EOF_STATE") {
    return fault("invalid_response", `the app's answer is not HTTP: ${error.code}`, {
      written: true,
      proxyError: "http_protocol_error",
    });
  }
  if (status > 0) return CUT;
  if (isTlsAlert(error.code ?? "")) {
    return fault("tls", `TLS was broken off: ${error.code}`, { written, proxyError: "tls_alert_received" });
  }
  return fault("reset", `connection closed without an answer: ${error.code ?? "unknown"}`, {
    written,
    proxyError: "connection_terminated",
  });
}

/** The app's answer ended before it was whole. */
export const CUT: Fault = fault("reset", "the answer was cut short", {
  written: true,
  proxyError: "http_response_incomplete",
});

/** The caller left, or stood still: no failure of the app. */
export function callerGone(detail: string): Fault {
  return fault("reset", detail, { written: true, aborted: true });
}

export function badAnswer(detail: string): Fault {
  return fault("invalid_response", detail, { written: true, proxyError: "http_protocol_error" });
}

/**
 * A response on the bare socket of an upgrade request, for when there is no upgrade: framed by Node like any other,
 * the last on its connection.
 */
export function responseOn(req: IncomingMessage, upgraded: Duplex): ServerResponse {
  // Of a server for TCP, TLS or a unix socket it is always one of these.
  const socket = upgraded as Socket;
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  res.once("finish", () => {
    res.detachSocket(socket);
    socket.destroySoon();
  });
  socket.on("error", () => socket.destroy());
  return res;
}
