import { type Fault, fault } from "../core/fault.ts";
import { errors } from "../core/undici.ts";
import { ConnectError, isTlsAlert } from "./connect.error.ts";

/**
 * Names what undici reports in our words. `started`: the request may have been written. `status`: that of the head
 * that had come, 0 for none.
 */
export function faultOf(error: Error, started: boolean, status: number): Fault {
  if (error instanceof ConnectError) {
    return fault(error.reason, error.message, { proxyError: error.proxyError });
  }
  // undici calls any parser error a mismatch of lengths once it has seen a Content-Length: without a head it is none.
  const headBroken = error instanceof errors.ResponseContentLengthMismatchError && status === 0;
  if (headBroken || error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    return invalidAnswer(oneLine(error.message));
  }
  if (error instanceof errors.SocketError && /^bad (response|upgrade)/.test(error.message)) {
    const upgrade = error.message === "bad upgrade";
    return invalidAnswer(upgrade ? "the app switched protocols unasked" : "bytes that answer nothing");
  }
  // With TLS 1.3 the app may refuse our certificate after the handshake, when the request is on its way already.
  if (status === 0 && isTlsAlert(code(error))) {
    // This one it says before its own side of the handshake is over (RFC 8446 section 4.4.2.4): it has read no request.
    const written = started && code(error) !== "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED";
    return fault("tls", `TLS was broken off: ${code(error)}`, { written, proxyError: "tls_alert_received" });
  }
  if (!started) {
    return fault("connect", `connection lost: ${code(error)}`, { proxyError: "connection_terminated" });
  }
  if (status > 0) {
    return fault("reset", "the answer was cut short", { written: true, proxyError: "http_response_incomplete" });
  }
  return fault("reset", `connection closed without an answer: ${code(error)}`, {
    written: true,
    proxyError: "connection_terminated",
  });
}

/** What is wrong with a head that undici let through, or null. `coded`: see {@link AnswerHead}. */
export function headFault(status: number, coded: boolean): Fault | null {
  // undici takes a 101 without an Upgrade header for one of the answers that come before the answer.
  if (status === 101) return invalidAnswer("the app switched protocols unasked");
  // RFC 9110 section 15: a status beyond 599 is no status.
  if (status > 599) return invalidAnswer(`the status ${status} is none`);
  return coded ? invalidAnswer("the answer bears a transfer coding beside chunked") : null;
}

/** Had a whole status line come before this error of undici's? Its parser tells only by its message what it was at. */
export function sawStatusLine(error: Error): boolean {
  if (error instanceof errors.HTTPParserError) {
    return !/\((Expected|Invalid (major|minor|HTTP) version|Invalid (status code|response status))/.test(error.message);
  }
  if (error instanceof errors.SocketError) return /^bad (response|upgrade)/.test(error.message);
  return error instanceof errors.HeadersOverflowError || error instanceof errors.ResponseContentLengthMismatchError;
}

function invalidAnswer(detail: string): Fault {
  return fault("invalid_response", detail, { written: true, proxyError: "http_protocol_error" });
}

function code(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? oneLine(error.message);
}

// A parser's message may quote what the app sent.
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200);
}
