import type { Socket } from "node:net";

/**
 * undici takes a `100 Continue` that it did not ask for as a bad response, though RFC 9110 section 15.2 has a client
 * drop every interim answer. Its parser is told of a 102 instead, which it reads to its end and hands to the handler
 * as what it is, interim. The bytes stay undici's to parse, so that nothing here can see a head where there is none.
 */

interface Parser {
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number;
}

/** For a connection that undici has just taken over. Where it has no such parser any more, nothing is changed. */
export function dropContinue(socket: Socket): void {
  const key = Object.getOwnPropertySymbols(socket).findLast(({ description }) => description === "parser");
  const parser = key && (socket as unknown as Record<symbol, Partial<Parser> | null>)[key];
  if (typeof parser?.onHeadersComplete === "function") parser.onHeadersComplete = onHeadersComplete;
}

function onHeadersComplete(this: Parser, status: number, upgrade: boolean, keepAlive: boolean): number {
  const { onHeadersComplete: own } = Object.getPrototypeOf(this) as Parser;
  return own.call(this, status === 100 ? 102 : status, upgrade, keepAlive);
}
