import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { type Fault, fault } from "../core/fault.ts";
import { breakOff } from "./cut.ts";
import { type Framing, watchFraming } from "./passthrough.head.ts";
import {
  answerHead,
  badAnswer,
  CUT,
  callerGone,
  dropInterims,
  faultOfError,
  framingOf,
  openRequest,
} from "./passthrough.out.ts";
import type { PassthroughDeps, PassthroughExchange, PassthroughResult, Relay } from "./passthrough.relay.ts";
import { createWatch, type Watch } from "./passthrough.watch.ts";
import { endWith, hasBody } from "./wire.server.ts";

/** One streamed request and its answer. */
export class WebRelay implements Relay {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #x: PassthroughExchange;
  readonly #out: ClientRequest;
  readonly #framing: Framing;
  readonly #watch: Watch;
  readonly #done: Promise<PassthroughResult>;
  readonly #idleMs: number;
  #resolve: (result: PassthroughResult) => void = () => undefined;
  /** What is waited for, should nothing come. */
  #phase: "request" | "head" | "answer" = "request";
  #answer: IncomingMessage | null = null;
  #written = false;
  #status = 0;
  #over = false;

  constructor(req: IncomingMessage, res: ServerResponse, x: PassthroughExchange, deps: PassthroughDeps) {
    this.#req = req;
    this.#res = res;
    this.#x = x;
    this.#done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#out = openRequest(x, req.method ?? "", framingOf(req));
    this.#framing = watchFraming(this.#out);
    this.#watch = createWatch(deps.clock, deps.idleMs, deps.totalMs, (what) => this.end(this.#lapse(what)));
    this.#idleMs = deps.idleMs;
    this.#listen();
    this.#sendBody();
  }

  run(): Promise<PassthroughResult> {
    return this.#done;
  }

  #listen(): void {
    const out = this.#out;
    this.#res.on("close", () => this.end(callerGone("the caller went away")));
    this.#res.on("finish", () => this.#finish(null));
    out.on("socket", () => {
      this.#written = true;
    });
    out.on("error", (error) => {
      // Bytes after the end of a whole answer: it stands, and Node has destroyed the connection.
      if (!this.#answer?.complete) this.end(faultOfError(error, this.#written, this.#status));
    });
    dropInterims(out, (reason) => this.end(reason));
    out.on("upgrade", (_answer, socket) => {
      socket.destroy();
      this.end(badAnswer("the app switched protocols unasked"));
    });
    out.on("response", (answer) => {
      this.#phase = "answer";
      this.#watch.allow(this.#idleMs);
      this.#onAnswer(answer);
    });
  }

  #sendBody(): void {
    const req = this.#req;
    if (!hasBody(req)) {
      this.#out.end();
      this.#awaitHead();
      return;
    }
    req.on("data", this.#watch.touch);
    req.on("end", () => this.#awaitHead());
    // Its trailers stay behind. An error means that the caller left or broke the framing: `close` tells.
    req.on("error", () => undefined);
    req.pipe(this.#out);
  }

  #awaitHead(): void {
    if (this.#phase !== "request") return;
    this.#phase = "head";
    this.#watch.allow(this.#x.timeoutMs);
  }

  #onAnswer(answer: IncomingMessage): void {
    this.#answer = answer;
    answer.on("error", () => undefined);
    const head = answerHead(this.#req.method ?? "", answer, this.#framing);
    if (head === null) return this.end(badAnswer("the framing of the app's answer can't be trusted"));
    if (this.#over) return;
    this.#status = answer.statusCode ?? 0;
    // An answer before the request was whole: what is left of it may stay unread.
    if (!this.#req.complete) endWith(this.#res);
    this.#res.writeHead(this.#status, [...head, ...this.#x.answerHeaders(this.#status)]);
    this.#res.flushHeaders();
    answer.on("close", () => {
      if (!answer.complete) this.end(CUT);
    });
    answer.pipe(this.#res);
    // After the pipe's own listener, which has written the piece by then.
    answer.on("data", () => {
      if (this.#res.writableNeedDrain) this.#awaitCaller();
      else this.#watch.touch();
    });
    // What is left is the caller's to take.
    answer.on("end", () => this.#awaitCaller());
    this.#res.on("drain", () => {
      if (!answer.readableEnded) this.#watch.allow(this.#idleMs);
    });
  }

  /** Behind an earlier answer of its connection it can't be taken yet; and one that stands still the listener drops. */
  #awaitCaller(): void {
    this.#watch.allow(Number.POSITIVE_INFINITY);
  }

  #lapse(what: "idle" | "total"): Fault {
    if (what === "total") return fault("timeout", "the longest time of a relay is over", { written: true });
    if (this.#phase === "head") {
      const detail = `no answer within ${this.#x.timeoutMs} ms`;
      return fault("timeout", detail, { written: this.#written, proxyError: "http_response_timeout" });
    }
    if (this.#phase === "request") return callerGone("the request stopped arriving");
    return fault("timeout", "the answer stopped coming", { written: true, proxyError: "http_response_incomplete" });
  }

  /** Ends both sides. A caller who has the head must see the connection break, or a cut answer would look whole. */
  end(reason: Fault): void {
    if (this.#over) return;
    this.#finish(reason);
    this.#out.destroy();
    if (this.#res.headersSent) breakOff(this.#res);
    else if (!this.#req.complete) endWith(this.#res);
  }

  #finish(reason: Fault | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch.stop();
    // The connection of a request that was answered before it was whole is not used again.
    if (!this.#out.writableFinished) this.#out.destroy();
    const named = reason === null ? null : { ...reason, upstream: this.#x.upstream.name };
    this.#resolve({ status: this.#status, fault: named, headSent: this.#res.headersSent });
  }
}
