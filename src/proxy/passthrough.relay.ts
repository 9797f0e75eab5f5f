import type { Agent } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Fault } from "../core/fault.ts";
import type { RawHeaders } from "../core/headers.ts";
import type { UpstreamSettings } from "../core/settings.ts";

/** One request with all that is decided about it. */
export interface PassthroughExchange {
  readonly upstream: UpstreamSettings;
  /** The upstream's own: see {@link createPassthroughAgent}. */
  readonly agent: Agent;
  /** The outgoing target, raw. */
  readonly path: string;
  /** What the upstream is to see: end-to-end fields and ours, without Host and framing. */
  readonly headers: RawHeaders;
  /** The Host header. */
  readonly host: string;
  /** From the last byte of the request to the head of the answer. */
  readonly timeoutMs: number;
  /** Fields of ours that go with an answer of this status, such as X-Request-ID and Outrigger-Outcome. */
  readonly answerHeaders: (status: number) => RawHeaders;
}

/** `fault` null: a whole answer was relayed, or a WebSocket ended. `fault.aborted`: the caller left, or stood still. */
export interface PassthroughResult {
  /** Of the app's answer, 101 for a WebSocket; 0 where none came. */
  readonly status: number;
  readonly fault: Fault | null;
  /** True once the caller has the head of an answer. */
  readonly headSent: boolean;
}

export interface PassthroughDeps {
  readonly clock: Clock;
  /** Nothing in either direction for so long ends a relay. */
  readonly idleMs: number;
  /** No relay lasts longer. */
  readonly totalMs: number;
}

/** A relay under way, as `close` sees it. */
export interface Relay {
  run(): Promise<PassthroughResult>;
  end(reason: Fault): void;
}
