import type { Dispatcher } from "undici";
import type { Timer } from "../core/clock.ts";
import type { Answer, BodyStream, Exchange, Reply } from "../core/exchange.ts";
import { type Fault, fault } from "../core/fault.ts";
import { packetsRead } from "../core/turn.ts";
import type { UpstreamClient } from "./client.ts";
import { faultOf, headFault } from "./faults.ts";
import { outHeaders, readAnswerHead } from "./head.ts";
import type { SendDeps, SendPlan } from "./send.ts";

const NOTHING = Buffer.alloc(0);

/** One try under way: undici's handler and, for a large answer, the stream of its body. One object a try. */
export class Try implements Dispatcher.DispatchHandler, BodyStream {
  readonly #client: UpstreamClient;
  readonly #plan: SendPlan;
  readonly #deps: SendDeps;
  readonly #x: Exchange;
  #resolve: ((reply: Reply) => void) | null;
  #timer: Timer | null = null;
  #endsAt = 0;
  #controller: Dispatcher.DispatchController | null = null;
  #status = 0;
  #headers: readonly string[] = [];
  #chunks: Buffer[] = [];
  #size = 0;
  #piped: Piped | null = null;
  #streaming = false;
  #over: Fault | "whole" | null = null;

  constructor(client: UpstreamClient, plan: SendPlan, deps: SendDeps, x: Exchange, resolve: (reply: Reply) => void) {
    this.#client = client;
    this.#plan = plan;
    this.#deps = deps;
    this.#x = x;
    this.#resolve = resolve;
  }

  begin(): void {
    const { clock } = this.#deps;
    const x = this.#x;
    this.#endsAt = clock.now() + x.tryMs;
    // The timer stands at the connect timeout first: most answers come before it, so one timer serves both.
    this.#timer = clock.after(Math.min(this.#plan.connectTimeoutMs, x.tryMs), Try.#tick, this as Try);
    x.onGone = this.#onGone;
    x.onMove = this.#onMove;
    const headers = outHeaders(x, this.#plan, clock.wall());
    // Its types leave out what it takes: anything that can be iterated.
    const body = bodyOf(x.body, headers) as Buffer | null;
    this.#client.pool.dispatch(
      {
        origin: undefined as never,
        path: this.#plan.path + x.rest,
        method: x.method as Dispatcher.HttpMethod,
        headers,
        body,
        // Always the same: undici would reconnect wherever the server name changes, as with preserve_host.
        ...(this.#client.settings.secure ? { servername: this.#client.settings.hostname } : {}),
      },
      this,
    );
  }

  static #tick(attempt: Try): void {
    const { clock } = attempt.#deps;
    const left = attempt.#endsAt - clock.now();
    attempt.#timer = null;
    if (attempt.#controller === null) {
      const ms = Math.round(Math.min(attempt.#plan.connectTimeoutMs, attempt.#x.tryMs));
      attempt.#fail(faultOf(attempt.#client.overdue(ms), false, 0));
    } else if (left > 0) {
      attempt.#timer = clock.after(left, Try.#tick, attempt);
    } else {
      const partial = attempt.#status > 0;
      attempt.#fail(
        fault("timeout", `no whole answer within ${Math.round(attempt.#x.tryMs)} ms`, {
          written: true,
          proxyError: partial ? "http_response_incomplete" : "http_response_timeout",
        }),
      );
    }
  }

  readonly #onMove = (): void => {
    const written = this.#controller !== null;
    const proxyError = written ? "http_response_timeout" : "connection_timeout";
    this.#fail(fault("timeout", "the upstream hangs: the request moves on", { written, proxyError }));
  };

  readonly #onGone = (): void => this.#fail(fault("reset", "the caller went away", { written: true, aborted: true }));

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for a connection: nothing may be written any more.
    if (this.#over !== null) controller.abort(new Error("given up"));
    else this.#controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#over !== null) return;
    if (status < 200 && status !== 101) return;
    const { headers, length, coded } = readAnswerHead(controller);
    const wrong = headFault(status, coded);
    if (wrong !== null) return this.#fail(wrong);
    this.#status = status;
    if (length > this.#plan.maxBytes && this.#x.method !== "HEAD") this.#tooLarge();
    this.#headers = headers;
    if (this.#streaming) this.#beginStream();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over !== null) return;
    if (this.#streaming) {
      this.#pass(chunk);
      return;
    }
    if (!this.#deps.memory.take(chunk.length)) {
      this.#fail(fault("overload", "limits.buffered is reached", { written: true, retryAfterMs: 1000 }));
      return;
    }
    this.#x.heldBytes += chunk.length;
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size > this.#plan.maxBytes) {
      this.#tooLarge();
      if (this.#streaming) this.#beginStream();
    }
  }

  onResponseEnd(): void {
    if (this.#over !== null) return;
    if (this.#streaming) this.#end("whole");
    else void this.#endWhole();
  }

  /** The answers that one turn of the loop brings are gone through together. */
  async #endWhole(): Promise<void> {
    await packetsRead();
    if (this.#over !== null) return;
    const first = this.#chunks[0];
    const body = first === undefined ? NOTHING : this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#end("whole", this.#answer(body, null));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(faultOf(error, this.#controller !== null, this.#status));
  }

  #answer(body: Buffer, stream: BodyStream | null): Answer {
    const judged = this.#plan.check.judge(this.#x, this.#status, this.#headers, stream === null ? body : null);
    return {
      kind: "answer",
      worth: judged.worth,
      reason: judged.reason,
      status: this.#status,
      headers: this.#headers,
      body,
      stream,
      retryAfterMs: judged.retryAfterMs,
      upstream: this.#client.settings.name,
      detail: judged.detail,
    };
  }

  #tooLarge(): void {
    if (this.#plan.refuseLarge) {
      this.#fail(
        fault("invalid_response", `the answer is larger than response.max (${this.#plan.maxBytes} bytes)`, {
          written: true,
          proxyError: "http_response_body_size",
        }),
      );
    } else this.#streaming = true;
  }

  // The head is all that can still be judged: the caller gets it now, the rest as it comes.
  #beginStream(): void {
    if (this.#timer) this.#deps.clock.cancel(this.#timer);
    this.#endsAt = Math.max(this.#endsAt, this.#x.deadlineAt);
    this.#timer = this.#deps.clock.after(this.#endsAt - this.#deps.clock.now(), Try.#tick, this as Try);
    this.#controller?.pause();
    const resolve = this.#resolve;
    this.#resolve = null;
    resolve?.(this.#answer(NOTHING, this));
  }

  #pass(chunk: Buffer): void {
    if (this.#piped === null) this.#chunks.push(chunk);
    else if (!this.#piped.write(chunk)) this.#controller?.pause();
  }

  pipe(write: Piped["write"], done: Piped["done"]): void {
    this.#piped = { write, done };
    let more = true;
    for (const chunk of this.#chunks) more = write(chunk);
    this.#chunks = [];
    if (this.#over !== null) done(this.#over === "whole" ? null : this.#over);
    else if (more) this.#controller?.resume();
  }

  resume(): void {
    if (this.#over === null) this.#controller?.resume();
  }

  abort(): void {
    this.#onGone();
  }

  #fail(failure: Fault): void {
    if (this.#over !== null) return;
    const named: Fault = { ...failure, upstream: this.#client.settings.name };
    this.#end(named, named);
    this.#controller?.abort(new Error(failure.detail));
  }

  #end(over: Fault | "whole", reply?: Reply): void {
    this.#over = over;
    if (this.#timer) this.#deps.clock.cancel(this.#timer);
    if (this.#x.onGone === this.#onGone) this.#x.onGone = null;
    if (this.#x.onMove === this.#onMove) this.#x.onMove = null;
    this.#deps.leave();
    const resolve = this.#resolve;
    this.#resolve = null;
    if (resolve !== null && reply !== undefined) resolve(reply);
    this.#piped?.done(over === "whole" ? null : over);
  }
}

/**
 * undici takes a body in one piece for sent once it is handed over. In slices it sees an answer that comes before the
 * last of them, and uses that connection no more: the app may never read what is left.
 */
function bodyOf(body: Buffer, headers: string[]): Buffer | Iterable<Buffer> | null {
  if (body.length <= SLICE_BYTES) return body.length > 0 ? body : null;
  headers.push("Content-Length", String(body.length));
  return slices(body);
}

const SLICE_BYTES = 64 * 1024;

function* slices(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += SLICE_BYTES) yield body.subarray(at, at + SLICE_BYTES);
}

interface Piped {
  readonly write: (chunk: Uint8Array) => boolean;
  readonly done: (fault: Fault | null) => void;
}
