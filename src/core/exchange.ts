import type { Fault } from "./fault.ts";
import type { RawHeaders } from "./headers.ts";
import type { Reason, Strategy } from "./outcome.ts";

/** The labels of a route that go into events and metrics. One object per route, made when the manifest loads. */
export interface RouteRef {
  readonly app: string;
  readonly capability: string;
  /** `app/capability`: the key of state that outlives a reload. */
  readonly key: string;
  readonly mode: "sync" | "async" | "passthrough";
}

/** The labels of requests that match no route. */
export const UNROUTED: RouteRef = Object.freeze({ app: "", capability: "", key: "", mode: "sync" });

/**
 * What a try's result was worth, the one word that retry, breaker and health read:
 * `ok`; `permanent`: the app's final no, passed on, no failure of the app; `transient`: a failure, may be repeated;
 * `push_back`: 429, or 503 with Retry-After: a request to wait; `ignored`: the caller left.
 */
export type Worth = "ok" | "permanent" | "transient" | "push_back" | "ignored";

/** One try, as kept for logs, events and history. Times in milliseconds. */
export interface Attempt {
  /** 0 for the first send of this request, counting every send. */
  readonly n: number;
  readonly upstream: string;
  readonly worth: Worth;
  readonly reason: Reason | null;
  /** 0 where no answer came. */
  readonly status: number;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly detail: string | null;
}

/** The rest of a response too large to hold: `pipe` hands it on in order, exactly once. */
export interface BodyStream {
  /**
   * Sends the body through `write`. `write` returns false to ask for a pause until `resume()`.
   * `done(null)` once it is whole, `done(fault)` if it breaks off: then the caller's socket must be destroyed.
   */
  pipe(write: (chunk: Uint8Array) => boolean, done: (fault: Fault | null) => void): void;
  resume(): void;
  abort(): void;
}

/** A whole answer of the app (or its head, when `stream` is set), with hop-by-hop fields already gone. */
export interface Answer {
  readonly kind: "answer";
  readonly worth: Worth;
  /** Why it is not `ok`, else null. */
  readonly reason: Reason | null;
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  /** Set when the body was larger than `response.max`: then `body` is empty. */
  readonly stream: BodyStream | null;
  readonly retryAfterMs: number | null;
  readonly upstream: string;
  readonly detail: string | null;
}

/** What a fallback strategy answered in the app's place. */
export interface Substitute {
  readonly kind: "substitute";
  readonly strategy: Strategy;
  /** Why the app's own answer was not to be had … */
  readonly reason: Reason;
  /** … and what the tries ended with. */
  readonly cause: Answer | Fault;
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Buffer;
}

/** What comes back up the chain. */
export type Reply = Answer | Fault | Substitute;

/** Where a request came from, as its socket and listener say. */
export interface Peer {
  /** Without the `::ffff:` of a mapped IPv4 address; empty for a unix socket. */
  readonly address: string;
  readonly secure: boolean;
}

/**
 * One request on its way down the chain: one object, allocated once. Fields are written by the layer named beside
 * them and read by those further in. Times are `Clock.now()` milliseconds.
 */
export interface Exchange {
  readonly route: RouteRef;
  /** X-Request-ID, the same on every try. */
  readonly id: string;
  readonly method: string;
  /** The unmatched rest of the path and `?query`, raw (latin-1 of the bytes): appended to each upstream's target. */
  readonly rest: string;
  /** The caller's path as received, without the query: for patterns and `last_good` keys. */
  readonly target: string;
  /** The Host header as received: sent on where the app says `preserve_host`. */
  readonly host: string;
  /** Headers as received. */
  readonly headers: RawHeaders;
  /** `1.0` or `1.1`, as the caller spoke it. */
  readonly httpVersion: string;
  readonly peer: Peer;
  /** Which queue it stands in for a slot: somebody waits for a synchronous answer. */
  readonly lane: "sync" | "async";
  /** Sends before this exchange, as of a job that was tried before: X-Retry-Attempt counts on from here. */
  readonly sentBefore: number;
  /** Of a stored job: an earlier send may have arrived without an answer. */
  inDoubt: boolean;
  /** Set by a try that was the trial of a half-open breaker. */
  trial: boolean;
  /** Headers every try carries, built once: the caller's, less ours and hop-by-hop, plus ours that never change. */
  readonly outHeaders: RawHeaders;
  readonly body: Buffer;
  readonly startedAt: number;
  /** Tries end here; fallbacks have {@link FALLBACK_GRACE_MS} more. */
  readonly deadlineAt: number;
  /** May a try that was written be repeated (idempotent method, caller's key, or `repeat: always`)? */
  readonly repeatable: boolean;
  /** The id signed as `webhook-id`: the caller's own, else {@link id}. */
  readonly webhookId: string;
  /** Tries so far, in order: `attempts.length` is X-Retry-Attempt of the next. */
  readonly attempts: Attempt[];
  /** X-Max-Attempts. */
  readonly maxAttempts: number;
  /** Set by retry before each try: how long it may take, sent as X-Timeout-Ms. */
  tryMs: number;
  /** Milliseconds spent waiting for others outside tries (body, slot, backoff): what is left over is our overhead. */
  waitedMs: number;
  /** Bit i is set once upstream i of the route was tried. */
  tried: number;
  /** Bytes of bodies held for this request, counted against `limits.buffered` until it is answered. */
  heldBytes: number;
  /** Set by retry when a repeat was refused: recorded, never silent. */
  denied: Reason | null;
  /** Why each repeat was made, in order. */
  readonly retries: Reason[];
  /** True once the caller went away. */
  gone: boolean;
  /** Called when the caller goes away; whoever waits (send, slot, backoff) sets and clears it. */
  onGone: (() => void) | null;
  /** Called when the upstream of the try under way was found hanging; whoever waits there sets and clears it. */
  onMove: (() => void) | null;
}

/** Fallbacks have this long after the deadline; the caller has an answer within it, always. */
export const FALLBACK_GRACE_MS = 500;

export type Send = (x: Exchange) => Promise<Reply>;
/** Wraps a `Send`: composed once, when the manifest loads. */
export type Policy = (inner: Send) => Send;
