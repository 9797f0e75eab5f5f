import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Ends an answer that is not whole, so that its caller sees that. */
export function breakOff(res: ServerResponse): void {
  const { socket } = res;
  // Behind another answer of its connection it ends as its turn comes.
  if (socket === null) res.destroy();
  // HTTP/1.0 has no chunks: without a length, an answer is whole where its connection ends well.
  else if (res.req.httpVersionMinor === 0) cutOff(socket);
  else endNow(socket);
}

/** Ends a connection at once: with a reset where the other side has not taken all that it was given. */
export function endNow(socket: Socket): void {
  if (socket.writableLength > 0) cutOff(socket);
  else socket.destroy();
}

/**
 * Ends a connection whose other side does not read. With a reset where there can be one: else the kernel would hold for
 * minutes what nobody takes, megabytes for each, and of a thousand such callers all that it has for connections.
 */
export function cutOff(socket: Socket): void {
  if (socket.destroyed) return;
  const resettable = bearerOf(socket);
  // A unix socket has no reset. What bears it takes a connection with TLS along.
  if (resettable?.remoteAddress === undefined) socket.destroy();
  else resettable.resetAndDestroy();
}

/** The connection under one with TLS, which has no reset of its own. There is none under those that Node dials itself. */
function bearerOf(socket: Socket): Socket | undefined {
  return socket instanceof TLSSocket ? (socket as TLSSocket & { readonly _parent?: Socket })._parent : socket;
}
