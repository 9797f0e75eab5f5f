import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What a test's app got. */
export interface Got {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** An app with a behaviour of the test's choice: a real HTTP server in this process. */
export interface TestApp {
  readonly url: string;
  readonly port: number;
  readonly got: readonly Got[];
  /** Changes how it answers from the next request on. */
  behave(answer: Behaviour): void;
  /** Resolves once `n` requests have come, all told. */
  received(n: number): Promise<void>;
  connections(): number;
  /** Resolves once nobody is connected. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** Answers one request, or never does. `n` counts from 0. */
export type Behaviour = (got: Got, res: ServerResponse, n: number) => void;

/** Answers with JSON. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Behaviour {
  return (_got, res) => {
    res.writeHead(status, { "Content-Type": "application/json", ...headers });
    res.end(JSON.stringify(value));
  };
}

/** Takes the request and says nothing. */
export const hang: Behaviour = () => undefined;

/** On any free port, unless one is given; rejects where that is taken. */
export async function startTestApp(first: Behaviour = json(200, { ok: true }), at = 0): Promise<TestApp> {
  const got: Got[] = [];
  const sockets = new Set<Socket>();
  let answer = first;
  let waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];
  const wake = (): void => {
    for (const one of waiting) if (one.done()) one.resolve();
    waiting = waiting.filter((one) => !one.done());
  };
  const until = (done: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      if (done()) resolve();
      else waiting.push({ done, resolve });
    });
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const one: Got = {
        method: req.method ?? "",
        url: req.url ?? "",
        rawHeaders: req.rawHeaders,
        headers: req.headers,
        body: Buffer.concat(chunks),
      };
      got.push(one);
      answer(one, res, got.length - 1);
      wake();
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      wake();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    got,
    behave(next) {
      answer = next;
    },
    received: (n) => until(() => got.length >= n),
    connections: () => sockets.size,
    idle: () => until(() => sockets.size === 0),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
