import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { CHUNKED } from "../core/headers.ts";

/** Whether an answer's `Transfer-Encoding`, of which Node shows one, is what Node's parser takes for chunks. */
export interface Framing {
  /** Known once the answer is reported. */
  chunked(): boolean;
}

/**
 * Node's parser takes `chunked` with a tab behind it for a coding that it does not know, so that the chunks are read as
 * a body up to the end of the connection; and Node then trims the value that it shows, so that nothing is to be seen of
 * it. What the app wrote is seen here: the bytes of the head as they arrive, kept until it is judged. With them go the
 * first bytes of the body, which a stream would else hold for as long as it lasts.
 */
export function watchFraming(out: ClientRequest): Framing {
  let socket: Socket | null = null;
  let pieces: Buffer[] = [];
  let text = "";
  let at = 0;
  let chunked = false;
  const keep = (piece: Buffer): void => {
    pieces.push(piece);
  };
  const endOfHead = (): number => {
    if (pieces.length > 0) {
      text = text.slice(at) + Buffer.concat(pieces).toString("latin1");
      at = 0;
      pieces = [];
    }
    HEAD.lastIndex = at;
    return HEAD.test(text) ? HEAD.lastIndex : text.length;
  };
  out.once("socket", (given: Socket) => {
    socket = given;
    // Before Node's own, which reports the answer while it reads the piece that ends the head.
    socket.prependListener("data", keep);
  });
  // Each is one head, which goes with the next piece: a crowd of them adds nothing to what is kept.
  out.on("information", () => {
    at = endOfHead();
  });
  const forget = (): void => {
    socket?.off("data", keep);
    pieces = [];
    text = "";
    at = 0;
  };
  // Before whoever asks: this was listened to first.
  out.once("response", (answer: IncomingMessage) => {
    if (answer.headers["transfer-encoding"] !== undefined) {
      const end = endOfHead();
      const codings = Array.from(text.slice(at, end).matchAll(CODING), ([, value]) => value as string);
      chunked = codings.length === 1 && codings.every((value) => CHUNKED.test(value));
    }
    forget();
  });
  out.once("upgrade", forget).once("close", forget);
  return { chunked: () => chunked };
}

/** One head. The parser passes over empty lines before it, and lets a status line end in odd ways. */
const HEAD = /[\r\n]*[^\r\n][\s\S]*?[\r\n]\r\n/y;
const CODING = /(?<=[\r\n])transfer-encoding:[ \t]*([^\r\n]*)/gi;
