import type { Client, Dispatcher } from "undici";
import type { Clock, Timer } from "../core/clock.ts";
import { type Fault, fault } from "../core/fault.ts";
import type { ProbeReport } from "../core/health.ts";
import type { HealthSettings } from "../core/settings.ts";
import type { UpstreamClient } from "./client.ts";
import type { Opening } from "./connect.ts";
import { faultOf, headFault, sawStatusLine } from "./faults.ts";
import { readAnswerHead } from "./head.ts";
import { GIVEN_UP, judgeAnswer, judgeFault, judgeHead, type Verdict } from "./probe.verdict.ts";

/**
 * Asks one upstream once how it is: `GET health.path` on a connection of its own. Resolves within `timeoutMs` (that of
 * `health` unless given), whatever the peer, its kernel or a resolver does, or at once when `signal` aborts; never
 * rejects. Aborted, it is `unknown` with `reason` null. Any number may run at once: to ask one at a time is up to the
 * caller.
 */
export type Probe = (given?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }) => Promise<ProbeReport>;

export interface ProbeDeps {
  readonly clock: Clock;
  /** Outrigger's, for `User-Agent`. */
  readonly version: string;
}

/** No more of a body is read: one that is larger is judged by its status. */
const MAX_BODY_BYTES = 64 * 1024;

/** Makes the probe of one upstream. Nothing is opened before it is called. */
export function createProbe(client: UpstreamClient, health: HealthSettings, deps: ProbeDeps): Probe {
  const { clock } = deps;
  const headers = ["Host", client.settings.authority, "User-Agent", `outrigger/${deps.version}`];
  return async ({ timeoutMs = health.timeoutMs, signal } = {}) => {
    const startedAt = clock.now();
    const verdict = await new Promise<Verdict>((resolve) => {
      new Look(client, health, clock, timeoutMs, resolve).begin(headers, signal);
    });
    return { ...verdict, durationMs: clock.now() - startedAt };
  };
}

/**
 * One probe under way. On undici with the upstream's own connector, as live traffic is, rather than on Node's client:
 * so what is no answer to a request is none to a probe either, and the same functions name it.
 */
class Look implements Dispatcher.DispatchHandler {
  readonly #client: UpstreamClient;
  readonly #health: HealthSettings;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #resolve: (verdict: Verdict) => void;
  readonly #single: Client;
  #opening: Opening | null = null;
  #timer: Timer | null = null;
  #signal: AbortSignal | null = null;
  #started = false;
  #answered = false;
  #status = 0;
  #chunks: Buffer[] = [];
  #size = 0;
  #over = false;

  constructor(
    client: UpstreamClient,
    health: HealthSettings,
    clock: Clock,
    timeoutMs: number,
    resolve: (verdict: Verdict) => void,
  ) {
    this.#client = client;
    this.#health = health;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#resolve = resolve;
    this.#single = client.single((options, callback) => {
      this.#opening = client.connect(options, callback);
      return this.#opening;
    });
  }

  begin(headers: string[], signal: AbortSignal | undefined): void {
    if (signal?.aborted === true) return this.#end(GIVEN_UP);
    if (signal !== undefined) {
      this.#signal = signal;
      signal.addEventListener("abort", this.#onAbort);
    }
    this.#timer = this.#clock.after(this.#timeoutMs, Look.#late, this as Look);
    const path = this.#client.settings.prefix + this.#health.path;
    this.#single.dispatch({ method: "GET", path, headers }, this);
  }

  // Timers run before sockets are read: where our own loop was held up, the answer may have been here all along, and
  // one probe that fails is enough to move traffic.
  static #late(look: Look): void {
    setImmediate(Look.#silent, look);
  }

  static #silent(look: Look): void {
    const ms = Math.round(look.#timeoutMs);
    if (!look.#started) return look.#fail(faultOf((look.#opening ?? look.#client).overdue(ms), false, 0));
    const proxyError = look.#status > 0 ? "http_response_incomplete" : "http_response_timeout";
    look.#fail(fault("timeout", `no whole answer within ${ms} ms`, { written: true, proxyError }));
  }

  readonly #onAbort = (): void => this.#end(GIVEN_UP);

  onRequestStart(): void {
    this.#started = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#over) return;
    this.#answered = true;
    if (status < 200 && status !== 101) return;
    const wrong = headFault(status, readAnswerHead(controller).coded);
    if (wrong !== null) return this.#fail(wrong);
    this.#status = status;
    const verdict = judgeHead(this.#health, status);
    // An answer that tells nothing needs no body.
    if (verdict.status === "unknown") this.#end(verdict);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#size += chunk.length;
    if (this.#size > MAX_BODY_BYTES) this.#end(judgeHead(this.#health, this.#status));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#over) this.#end(judgeAnswer(this.#health, this.#status, Buffer.concat(this.#chunks)));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#answered ||= sawStatusLine(error);
    this.#fail(faultOf(error, this.#started, this.#status));
  }

  // Where the head has condemned the app already, its status says more than a body that does not come.
  #fail(failure: Fault): void {
    const byHead = this.#status > 0 ? judgeHead(this.#health, this.#status) : null;
    if (byHead?.status === "unhealthy") this.#end(byHead);
    else this.#end(judgeFault(failure, this.#status, this.#answered));
  }

  #end(verdict: Verdict): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer) this.#clock.cancel(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#chunks = [];
    this.#resolve(verdict);
    this.#opening?.cancel();
    // With a callback: the promise would have to be waited for.
    this.#single.destroy(null, () => undefined);
  }
}
