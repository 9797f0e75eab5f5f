import { Agent, type IncomingHttpHeaders, request } from "node:http";

/** What a caller got. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** `Outrigger-Outcome`. */
  readonly outcome: string;
  readonly body: Buffer;
  readonly text: string;
  readonly ms: number;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
  /** Leaves when this aborts. */
  readonly signal?: AbortSignal;
}

/** One request over a connection of its own (or the agent's), as a platform would make it. POST unless said. */
export function call(url: string, asked: Asked = {}): Promise<Answered> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const agent = asked.agent ?? new Agent({ keepAlive: false });
    const { method = "POST", headers = {}, signal } = asked;
    const req = request(url, { method, headers, agent, ...(signal && { signal }) });
    req.on("error", reject);
    req.on("response", (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("error", reject);
      res.on("end", () => {
        const body = Buffer.concat(chunks);
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          outcome: String(res.headers["outrigger-outcome"]),
          body,
          text: body.toString(),
          ms: performance.now() - from,
        });
      });
    });
    req.end(asked.body);
  });
}

/** A POST of JSON. */
export function post(url: string, value: unknown, asked: Asked = {}): Promise<Answered> {
  const headers = { "Content-Type": "application/json", ...asked.headers };
  return call(url, { ...asked, headers, body: JSON.stringify(value) });
}
