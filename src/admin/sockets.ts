import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../core/clock.ts";
import type { Ask, Followers, Reader } from "./follow.ts";

/** The event stream over WebSockets (RFC 6455). */
export interface Sockets {
  /** A request to upgrade was let in, to follow this; false where it did not ask for one. */
  admit(incoming: IncomingMessage, ask: Ask): boolean;
  /** Upgrades what `judge` lets in; its answer to all else is sent as it is. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer, judge: () => Promise<Response>): void;
  /** Cuts what has not ended. */
  close(): void;
}

/** Nobody has anything to say here: a client that says more than this is cut off. */
const MAX_MESSAGE = 1024;
/** What a client has for its part of the closing. */
const CLOSE_MS = 1_000;
const GOING_AWAY = 1001;

export function createSockets(clock: Clock, followers: Followers): Sockets {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
  });
  /** Under way through the judges, and what they let in. */
  const asked = new WeakMap<IncomingMessage, Ask | null>();
  const open = new Set<WebSocket>();

  const serve = async (socket: WebSocket, ask: Ask): Promise<void> => {
    open.add(socket);
    const { reader, pong } = readerOf(socket);
    const { done, wake } = followers.follow(reader, ask);
    socket.on("pong", pong);
    // What it says does not matter; that it says too much ends it, with an error here.
    socket.on("error", wake);
    socket.on("close", wake);
    await done;
    socket.close(GOING_AWAY);
    const timer = clock.after(CLOSE_MS, () => socket.terminate(), undefined);
    const gone = (): void => {
      clock.cancel(timer);
      open.delete(socket);
    };
    if (socket.readyState === socket.CLOSED) gone();
    else socket.once("close", gone);
  };
  const judged = async (
    incoming: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    judge: () => Promise<Response>,
  ): Promise<void> => {
    asked.set(incoming, null);
    const response = await judge();
    const ask = asked.get(incoming) ?? null;
    if (ask === null || !response.ok) return sendRaw(socket, response);
    server.handleUpgrade(incoming, socket, head, (made) => void serve(made, ask));
  };
  return {
    admit(incoming, ask) {
      if (!asked.has(incoming)) return false;
      asked.set(incoming, ask);
      return true;
    },
    upgrade(incoming, socket, head, judge) {
      socket.on("error", () => socket.destroy());
      judged(incoming, socket, head, judge).catch(() => socket.destroy());
    },
    close() {
      for (const socket of open) socket.terminate();
    },
  };
}

function readerOf(socket: WebSocket): { readonly reader: Reader; readonly pong: () => void } {
  let silent = false;
  const send = (text: string): Promise<void> =>
    new Promise((resolve) => {
      // One that is gone takes nothing more, and its end has been told.
      socket.send(text, () => resolve());
    });
  const reader: Reader = {
    async send(events, gapAfter) {
      if (gapAfter !== null) await send(JSON.stringify({ type: "gap", after: gapAfter }));
      await Promise.all(events.map(({ id, type, text }) => send(`{"id":"${id}","type":"${type}","data":${text()}}`)));
    },
    beat() {
      // The ping of a heartbeat ago was not answered: nobody is there.
      if (silent) socket.terminate();
      silent = true;
      return new Promise<void>((resolve) => {
        socket.ping(undefined, undefined, () => resolve());
      });
    },
    drop: () => socket.terminate(),
    get gone() {
      return socket.readyState !== socket.OPEN;
    },
  };
  return {
    reader,
    pong() {
      silent = false;
    },
  };
}

/** The judges' answer on a connection that the HTTP server has let go of. */
async function sendRaw(socket: Duplex, response: Response): Promise<void> {
  const body = await response.text();
  const headers = [...response.headers].filter(
    ([name]) => !/^(content-length|connection|transfer-encoding)$/i.test(name),
  );
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  const length = `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n`;
  socket.end(`HTTP/1.1 ${response.status} Refused\r\n${lines.join("")}${length}\r\n${body}`, () => socket.destroy());
}
