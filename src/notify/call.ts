import type { Socket } from "node:net";
import type { Dispatcher } from "undici";
import type { Clock } from "../core/clock.ts";
import { Client } from "../core/undici.ts";

/** One HTTP call of a channel, on a connection of its own: calls are rare, and a kept connection would be stale. */

export interface Destination {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** As a URL has it. */
  readonly authority: string;
}

export interface Call {
  readonly to: Destination;
  readonly method: string;
  /** Path and query, as they are sent. */
  readonly target: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: string | null;
  /** From the first byte of the connection to the last of the answer. */
  readonly timeoutMs: number;
}

export type Called =
  | { readonly kind: "answer"; readonly status: number; readonly retryAfter: string | null; readonly text: string }
  | { readonly kind: "no answer"; readonly detail: string };

type Connect = (options: unknown, callback: (error: Error | null, socket: Socket | null) => void) => void;

export interface CallDeps {
  readonly clock: Clock;
  /** How connections are opened. TLS is verified there, and who may be dialled is decided there. */
  readonly connector: (to: Destination, timeoutMs: number) => Connect;
}

/** More of an answer is not read: it only serves to say why. */
const MAX_ANSWER = 64 * 1024;
const MAX_HEAD = 16 * 1024;

/**
 * Makes the call; never rejects. Redirects are answers like others. Once a head has come its status stands, however
 * the body ends.
 */
export function callOnce(call: Call, signal: AbortSignal, { clock, connector }: CallDeps): Promise<Called> {
  const { to, timeoutMs } = call;
  const client = new Client(`${to.secure ? "https" : "http"}://${to.authority}`, {
    connect: connector(to, timeoutMs) as never,
    allowH2: false,
    // One parser for all answers, whatever the environment asks undici for.
    useMilo: false,
    // Ours is exact; undici's are half a second coarse.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_HEAD,
  });
  return new Promise<Called>((resolve) => {
    const answer = new Answer(resolve);
    const timer = clock.after(timeoutMs, () => answer.end(`no answer within ${timeoutMs} ms`), undefined);
    const onAbort = (): void => answer.end("cut off: outrigger is stopping");
    signal.addEventListener("abort", onAbort, { once: true });
    answer.onEnd = () => {
      clock.cancel(timer);
      signal.removeEventListener("abort", onAbort);
      void client.destroy();
    };
    if (signal.aborted) return onAbort();
    const { method, target: path, headers, body } = call;
    client.dispatch(
      { path, method: method as Dispatcher.HttpMethod, headers: [...headers], body, reset: true },
      answer,
    );
  });
}

/** undici's handler: holds the beginning of the answer, and ends once. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #resolve: (called: Called) => void;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #status = 0;
  #retryAfter: string | null = null;
  #over = false;
  onEnd: () => void = () => undefined;

  constructor(resolve: (called: Called) => void) {
    this.#resolve = resolve;
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#retryAfter = [headers["retry-after"]].flat()[0] ?? null;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= MAX_ANSWER) this.end("");
  }

  onResponseEnd(): void {
    this.end("");
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { code, message } = error as NodeJS.ErrnoException;
    // A connector's own words say more than a code; a parser's may quote what came.
    this.end(code === undefined || code.startsWith("UND_ERR") ? message : `connection lost: ${code}`);
  }

  /** The first end counts; `detail` says why there is no answer, where there is none. */
  end(detail: string): void {
    if (this.#over) return;
    this.#over = true;
    this.onEnd();
    const text = Buffer.concat(this.#chunks).subarray(0, MAX_ANSWER).toString();
    this.#resolve(
      this.#status > 0
        ? { kind: "answer", status: this.#status, retryAfter: this.#retryAfter, text }
        : { kind: "no answer", detail },
    );
  }
}
