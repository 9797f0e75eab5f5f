import type { Client, Dispatcher } from "undici";
import type { Clock, Timer } from "../core/clock.ts";
import type { UpstreamClient } from "./client.ts";
import type { Opening } from "./connect.ts";
import { faultOf, headFault } from "./faults.ts";
import { readAnswerHead } from "./head.ts";

/** A question beside the traffic: what it is about decides nothing of how requests go. */
export interface Question {
  /** Below the upstream's own path. */
  readonly path: string;
  /** Raw, after `Host`. */
  readonly headers: readonly string[];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The whole answer, or one clause that says why there is none. */
export type Asked =
  | { readonly kind: "answer"; readonly status: number; readonly headers: readonly string[]; readonly body: Buffer }
  | { readonly kind: "none"; readonly detail: string };

/** A larger answer is none. */
const MAX_BODY_BYTES = 256 * 1024;

/**
 * `GET` of a path on a connection of its own: so it waits behind no request and takes none's place. The way there is
 * that of requests, with their egress rules and TLS. Resolves within `timeoutMs`, or at once when `signal` aborts;
 * never rejects.
 */
export function askUpstream(client: UpstreamClient, question: Question, clock: Clock): Promise<Asked> {
  return new Promise((resolve) => {
    new Asking(client, question, clock, resolve).begin();
  });
}

class Asking implements Dispatcher.DispatchHandler {
  readonly #client: UpstreamClient;
  readonly #question: Question;
  readonly #clock: Clock;
  readonly #resolve: (asked: Asked) => void;
  readonly #single: Client;
  #opening: Opening | null = null;
  #timer: Timer | null = null;
  #started = false;
  #status = 0;
  #headers: readonly string[] = [];
  #chunks: Buffer[] = [];
  #size = 0;
  #over = false;

  constructor(client: UpstreamClient, question: Question, clock: Clock, resolve: (asked: Asked) => void) {
    this.#client = client;
    this.#question = question;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#single = client.single((options, callback) => {
      this.#opening = client.connect(options, callback);
      return this.#opening;
    });
  }

  begin(): void {
    const { path, headers, timeoutMs, signal } = this.#question;
    if (signal?.aborted === true) return this.#onAbort();
    signal?.addEventListener("abort", this.#onAbort);
    this.#timer = this.#clock.after(timeoutMs, Asking.#late, this as Asking);
    const { prefix, authority } = this.#client.settings;
    this.#single.dispatch({ method: "GET", path: prefix + path, headers: ["Host", authority, ...headers] }, this);
  }

  static #late(asking: Asking): void {
    const ms = Math.round(asking.#question.timeoutMs);
    if (asking.#started) asking.#none(`timeout: no whole answer within ${ms} ms`);
    else asking.#fail((asking.#opening ?? asking.#client).overdue(ms));
  }

  readonly #onAbort = (): void => this.#none("the process stops");

  onRequestStart(): void {
    this.#started = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#over || (status < 200 && status !== 101)) return;
    const { headers, coded } = readAnswerHead(controller);
    const wrong = headFault(status, coded);
    if (wrong !== null) return this.#none(`${wrong.reason}: ${wrong.detail}`);
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#size += chunk.length;
    if (this.#size > MAX_BODY_BYTES) this.#none(`its answer is larger than ${MAX_BODY_BYTES} bytes`);
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const body = Buffer.concat(this.#chunks);
    this.#end({ kind: "answer", status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    const { reason, detail } = faultOf(error, this.#started, this.#status);
    this.#none(`${reason}: ${detail}`);
  }

  #none(detail: string): void {
    this.#end({ kind: "none", detail });
  }

  #end(asked: Asked): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer) this.#clock.cancel(this.#timer);
    this.#question.signal?.removeEventListener("abort", this.#onAbort);
    this.#chunks = [];
    this.#resolve(asked);
    this.#opening?.cancel();
    // With a callback: the promise would have to be waited for.
    this.#single.destroy(null, () => undefined);
  }
}
