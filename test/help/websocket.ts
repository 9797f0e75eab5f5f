import { WebSocket } from "ws";

/** A client of the event stream over a WebSocket. */
export interface EventSocket {
  readonly socket: WebSocket;
  /** The next `n` messages. */
  take(n: number): Promise<Record<string, unknown>[]>;
  /** Resolves with the code it was closed with. */
  readonly closed: Promise<number>;
}

export interface Refused {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Connects; resolves with what refused it, where something did. */
export function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventSocket | Refused> {
  const socket = new WebSocket(url.replace(/^http/, "ws"), { headers });
  const messages: Record<string, unknown>[] = [];
  let look = (): void => undefined;
  socket.on("message", (data) => {
    messages.push(JSON.parse(String(data)) as Record<string, unknown>);
    look();
  });
  const closed = new Promise<number>((resolve) => {
    socket.on("close", resolve);
  });
  const take = (n: number): Promise<Record<string, unknown>[]> =>
    new Promise((resolve) => {
      look = () => {
        if (messages.length < n) return;
        look = () => undefined;
        resolve(messages.splice(0, n));
      };
      look();
    });
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve({ socket, take, closed }));
    socket.on("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body = JSON.parse(String(Buffer.concat(chunks))) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    socket.on("error", reject);
  });
}
