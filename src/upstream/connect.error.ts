import type { FaultKind, ProxyError } from "../core/fault.ts";

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

/** How far a connection has come: which of its steps is being taken. */
export type Stage = "lookup" | "tcp" | "tls";

/**
 * Names an error of `net`, `tls` or a lookup in our words. `badCertificate`: the peer's certificate was looked at and
 * refused. What a lookup has named itself stays as it is.
 */
export function connectError(error: Error, stage: Stage, badCertificate: boolean): ConnectError {
  if (error instanceof ConnectError) return error;
  const code = codeOf(error);
  // What a lookup found is only looked at after it.
  switch (code.startsWith("ERR_INVALID_") ? "lookup" : stage) {
    case "lookup":
      // getaddrinfo's EAI_AGAIN may be a SERVFAIL as well as a timeout: only a resolver that tells them apart is believed.
      return new ConnectError("dns", code === "ETIMEOUT" ? "dns_timeout" : "dns_error", `name lookup failed: ${code}`);
    case "tcp": {
      const where = error instanceof AggregateError ? ` at all ${error.errors.length} addresses` : "";
      return new ConnectError("connect", tcpError(code), `connection failed${where}: ${code}`);
    }
    case "tls":
      return new ConnectError("tls", tlsError(code, badCertificate), `TLS handshake failed: ${code}`);
  }
}

/** The error of a connection that does not stand after `ms`, by what it still waits for. */
export function overdueError(stage: Stage, authority: string, ms: number): ConnectError {
  const detail = `no connection to ${authority} within ${ms} ms`;
  switch (stage) {
    case "lookup":
      return new ConnectError("dns", "dns_timeout", `${detail}: its name is still being looked up`);
    case "tcp":
      return new ConnectError("connect", "connection_timeout", detail);
    case "tls":
      return new ConnectError("connect", "connection_timeout", `${detail}: the TLS handshake does not end`);
  }
}

/** Is this TLS's word of a peer that ends it (RFC 8446 section 6)? With TLS 1.3 it may come after the handshake. */
export function isTlsAlert(code: string): boolean {
  return code.startsWith("ERR_SSL_") && code.includes("_ALERT_");
}

function tlsError(code: string, badCertificate: boolean): ProxyError {
  if (badCertificate) return "tls_certificate_error";
  return isTlsAlert(code) ? "tls_alert_received" : "tls_protocol_error";
}

function tcpError(code: string): ProxyError {
  switch (code) {
    case "ECONNREFUSED":
      return "connection_refused";
    case "ETIMEDOUT":
    case "ERR_SOCKET_CONNECTION_TIMEOUT":
      return "connection_timeout";
    // Accepted and broken off before we could look at it.
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
      return "connection_terminated";
    // The last one: no address of ours leads there, as to IPv6 without IPv6.
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EHOSTDOWN":
    case "ENETDOWN":
    case "EADDRNOTAVAIL":
      return "destination_ip_unroutable";
    // Ours, not the app's: out of file descriptors or memory.
    case "EMFILE":
    case "ENFILE":
    case "ENOBUFS":
    case "ENOMEM":
      return "proxy_internal_error";
    default:
      return "destination_unavailable";
  }
}

// With several addresses Node reports an AggregateError whose parts carry the codes.
function codeOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? ((first as NodeJS.ErrnoException).code ?? first.message) : "unknown";
}
