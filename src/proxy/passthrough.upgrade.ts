import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { type Fault, fault } from "../core/fault.ts";
import { endToEnd, type RawHeaders } from "../core/headers.ts";
import { cutOff, endNow } from "./cut.ts";
import { type Framing, watchFraming } from "./passthrough.head.ts";
import {
  answerHead,
  badAnswer,
  CUT,
  callerGone,
  dropInterims,
  faultOfError,
  openRequest,
  otherVersion,
} from "./passthrough.out.ts";
import type { PassthroughDeps, PassthroughExchange, PassthroughResult, Relay } from "./passthrough.relay.ts";
import { createWatch, type Watch } from "./passthrough.watch.ts";

/** What a caller may send before the app has said yes. */
const EARLY_BYTES = 64 * 1024;
/** How long an app may take over what its caller sent before it left. */
const LAST_WORDS_MS = 1_000;

const OURS: ReadonlySet<string> = new Set(["content-length", "x-request-id", "outrigger-outcome"]);
const UPGRADE: RawHeaders = ["Connection", "Upgrade", "Upgrade", "websocket"];

/** One WebSocket (RFC 6455): the handshake is relayed, then bytes both ways, of which nothing is understood. */
export class WebSocketRelay implements Relay {
  readonly #method: string;
  readonly #socket: Socket;
  readonly #res: ServerResponse;
  readonly #x: PassthroughExchange;
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #out: ClientRequest;
  readonly #framing: Framing;
  readonly #watch: Watch;
  readonly #done: Promise<PassthroughResult>;
  #resolve: (result: PassthroughResult) => void = () => undefined;
  #early: Buffer[];
  #earlyBytes = 0;
  #peer: Socket | null = null;
  #answer: IncomingMessage | null = null;
  #written = false;
  #status = 0;
  #over = false;

  constructor(
    req: IncomingMessage,
    socket: Socket,
    head: Buffer,
    res: ServerResponse,
    x: PassthroughExchange,
    deps: PassthroughDeps,
  ) {
    this.#method = req.method ?? "";
    this.#socket = socket;
    this.#res = res;
    this.#x = x;
    this.#clock = deps.clock;
    this.#idleMs = deps.idleMs;
    this.#early = head.length > 0 ? [head] : [];
    this.#done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#out = openRequest(x, "GET", UPGRADE);
    this.#framing = watchFraming(this.#out);
    this.#watch = createWatch(deps.clock, x.timeoutMs, deps.totalMs, (what) => this.end(this.#lapse(what)));
    this.#listen();
    this.#out.end();
  }

  run(): Promise<PassthroughResult> {
    return this.#done;
  }

  #listen(): void {
    const out = this.#out;
    out.on("socket", () => {
      this.#written = true;
    });
    out.on("error", (error) => {
      if (!this.#answer?.complete) this.end(faultOfError(error, this.#written, this.#status));
    });
    dropInterims(out, (reason) => this.end(reason));
    out.on("upgrade", (answer, peer, head) => this.#onUpgrade(answer, peer as Socket, head));
    out.on("response", (answer) => this.#onRefusal(answer));
    // Reading is the only way to hear that the caller left.
    this.#socket.on("data", this.#onEarly);
    this.#socket.on("end", this.#onLeft);
    this.#socket.on("close", this.#onLeft);
  }

  readonly #onEarly = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > EARLY_BYTES) this.#socket.pause();
  };

  readonly #onLeft = (): void => {
    if (this.#peer === null && !this.#res.writableEnded) this.end(callerGone("the caller went away"));
  };

  #onUpgrade(answer: IncomingMessage, peer: Socket, head: Buffer): void {
    peer.on("error", () => peer.destroy());
    // Before HTTP/1.1 nothing switches (RFC 9110 section 7.8).
    const known = answer.httpVersion === "1.1";
    if (this.#over || !known || answer.headers.upgrade?.toLowerCase() !== "websocket") {
      peer.destroy();
      this.end(
        known ? badAnswer("the app switched to a protocol that nobody asked for") : otherVersion(answer.httpVersion),
      );
      return;
    }
    this.#status = 101;
    this.#peer = peer;
    this.#watch.allow(this.#idleMs);
    const socket = this.#socket;
    socket.off("data", this.#onEarly);
    this.#res.detachSocket(socket);
    const fields = [...endToEnd(answer.rawHeaders, OURS), ...UPGRADE, ...this.#x.answerHeaders(101)];
    const lines = fields.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join("");
    socket.write(Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`, "latin1"));
    if (head.length > 0) socket.write(head);
    for (const chunk of this.#early) peer.write(chunk);
    this.#early = [];
    this.#join(socket, peer);
  }

  #join(socket: Socket, peer: Socket): void {
    for (const side of [socket, peer]) {
      side.setTimeout(0);
      side.setNoDelay(true);
      side.on("data", this.#watch.touch);
    }
    peer.pipe(socket);
    socket.pipe(peer);
    // `pipe` hands on a goodbye but no death: whoever is left gets what was on its way, then the end.
    let endedWell = false;
    peer.on("end", () => {
      endedWell = true;
    });
    socket.on("end", () => {
      endedWell = true;
    });
    peer.on("close", () => {
      // Should the caller not read, the listener drops it.
      socket.destroySoon();
      this.#finish(endedWell ? null : CUT);
    });
    socket.on("close", () => {
      endSoon(peer, this.#clock);
      this.#finish(endedWell ? null : callerGone("the caller went away"));
    });
  }

  /** The app answered like any web server: the caller gets that answer, and the connection ends with it. */
  #onRefusal(answer: IncomingMessage): void {
    this.#answer = answer;
    answer.on("error", () => undefined);
    const head = answerHead(this.#method, answer, this.#framing);
    if (head === null) return this.end(badAnswer("the framing of the app's answer can't be trusted"));
    if (this.#over) return;
    const res = this.#res;
    this.#status = answer.statusCode ?? 0;
    this.#watch.allow(this.#idleMs);
    this.#socket.resume();
    res.writeHead(this.#status, [...head, ...this.#x.answerHeaders(this.#status)]);
    answer.on("data", this.#watch.touch);
    answer.on("close", () => {
      if (!answer.complete) this.end(CUT);
    });
    res.on("finish", () => this.#finish(null));
    answer.pipe(res);
  }

  #lapse(what: "idle" | "total"): Fault {
    if (what === "total") return fault("timeout", "the longest time of a WebSocket is over", { written: true });
    if (this.#status === 0) {
      const detail = `no answer within ${this.#x.timeoutMs} ms`;
      return fault("timeout", detail, { written: this.#written, proxyError: "http_response_timeout" });
    }
    if (this.#socket.writableNeedDrain) return callerGone("the caller stopped reading");
    return fault("timeout", `nothing was said for ${this.#idleMs} ms`, { written: true });
  }

  end(reason: Fault): void {
    if (this.#over) return;
    this.#finish(reason);
    this.#out.destroy();
    if (this.#peer !== null) endNow(this.#peer);
    if (this.#status === 0) return;
    if (this.#socket.writableNeedDrain) cutOff(this.#socket);
    else this.#socket.destroySoon();
  }

  #finish(reason: Fault | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch.stop();
    const named = reason === null ? null : { ...reason, upstream: this.#x.upstream.name };
    this.#resolve({ status: this.#status, fault: named, headSent: this.#status > 0 });
  }
}

/** Ends a connection to an app in a while: one that does not read would else be held for ever by what waits for it. */
function endSoon(peer: Socket, clock: Clock): void {
  peer.destroySoon();
  if (peer.destroyed) return;
  const timer = clock.after(LAST_WORDS_MS, cutOff, peer);
  peer.once("close", () => clock.cancel(timer));
}
