import { errors } from "undici";
import { type Fault, fault } from "../core/fault.ts";
import { ConnectError } from "./connect.ts";

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
    return fault("invalid_response", oneLine(error.message), { written: true, proxyError: "http_protocol_error" });
  }
  if (error instanceof errors.SocketError && /^bad (response|upgrade)/.test(error.message)) {
    const detail = error.message === "bad upgrade" ? "the app switched protocols unasked" : "bytes that answer nothing";
    return fault("invalid_response", detail, { written: true, proxyError: "http_protocol_error" });
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

function code(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? oneLine(error.message);
}

// A parser's message may quote what the app sent.
function oneLine(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200);
}
