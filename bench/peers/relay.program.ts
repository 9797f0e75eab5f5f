import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type Dispatcher, Pool } from "undici";
import { sayReady, upstreamUrl } from "../lib/node-peer.ts";

/**
 * The least that any buffering relay on Node does: read the body, send it on, hold the answer, reply. No header rules,
 * no timeouts, no counting. What ours costs beyond this is what its promises cost.
 */

const pool = new Pool(upstreamUrl(), { pipelining: 1 });

class Relay implements Dispatcher.DispatchHandler {
  readonly #reply: ServerResponse;
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  #chunks: Buffer[] = [];

  constructor(reply: ServerResponse) {
    this.#reply = reply;
  }

  onRequestStart(): void {}

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    delete this.#headers.connection;
    delete this.#headers["keep-alive"];
    this.#reply.writeHead(this.#status, this.#headers);
    this.#reply.end(this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#reply.writeHead(502).end(error.message);
  }
}

function relay(request: IncomingMessage, reply: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers = { "content-type": request.headers["content-type"] ?? "application/octet-stream" };
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    pool.dispatch({ method: request.method as "POST", path: request.url ?? "/", headers, body }, new Relay(reply));
  });
}

const server = createServer(relay);
server.listen(0, "127.0.0.1", () => sayReady(server.address()));
