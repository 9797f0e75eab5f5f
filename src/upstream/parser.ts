import type { Socket } from "node:net";
import { errors } from "../core/undici.ts";

/**
 * Two things that undici does not ask of a head, asked where its parser reports one. The bytes stay undici's to parse,
 * so that nothing here can see a head where there is none.
 *
 * It takes a `100 Continue` that it did not ask for as a bad response, though RFC 9110 section 15.2 has a client drop
 * every interim answer: it is told of a 102 instead, which it reads to its end and hands to the handler as what it is.
 *
 * It takes a status line of HTTP/0.9 or HTTP/2.0 for one like ours, and chunks of an HTTP/1.0 that knows none (RFC 9112
 * section 6.1): such a head is refused as the parser refuses what it can't read.
 */

interface Parser {
  readonly socket: Socket;
  /** Exports of its WebAssembly, and the address there of what it knows of the message. */
  readonly llhttp: {
    llhttp_get_http_major(at: number): number;
    llhttp_get_http_minor(at: number): number;
  };
  readonly ptr: number;
  readonly hasTransferEncoding: boolean;
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number;
}

/** For a connection that undici has just taken over. Throws where it has another parser: nothing would be asked then. */
export function guardHeads(socket: Socket): void {
  const key = Object.getOwnPropertySymbols(socket).findLast(({ description }) => description === "parser");
  const parser = key && (socket as unknown as Record<symbol, Partial<Parser> | null>)[key];
  if (typeof parser?.onHeadersComplete === "function") parser.onHeadersComplete = onHeadersComplete;
  // One that undici did not want any more has none.
  else if (!socket.destroyed) throw new Error("undici reads answers with a parser that is not known here");
}

function onHeadersComplete(this: Parser, status: number, upgrade: boolean, keepAlive: boolean): number {
  const wrong = wrongVersion(this);
  if (wrong !== null) {
    this.socket.destroy(new errors.HTTPParserError(`Response does not match the HTTP/1.1 protocol (${wrong})`));
    return -1;
  }
  const { onHeadersComplete: own } = Object.getPrototypeOf(this) as Parser;
  return own.call(this, status === 100 ? 102 : status, upgrade, keepAlive);
}

function wrongVersion({ llhttp, ptr, hasTransferEncoding }: Parser): string | null {
  if (llhttp.llhttp_get_http_major(ptr) !== 1) return "Invalid HTTP version";
  return hasTransferEncoding && llhttp.llhttp_get_http_minor(ptr) === 0 ? "Transfer-Encoding in HTTP/1.0" : null;
}
