import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, Timer } from "../core/clock.ts";
import type { Attempt, Exchange, Peer, RouteRef } from "../core/exchange.ts";
import type { MemoryLedger } from "../core/memory.ts";
import type { Reason } from "../core/outcome.ts";
import { peerOf } from "./outgoing.ts";
import type { RoutePlan } from "./plan.ts";

/** Where there is none, not yet, or no longer. */
export const NO_BODY = Buffer.alloc(0);

/** What every call of a listener shares. */
export interface CallShared {
  readonly clock: Clock;
  readonly memory: MemoryLedger;
  /** True while the process stops: then answers ask their connection to close. */
  readonly closing: () => boolean;
}

/**
 * One request from head to last byte: the exchange that goes down the chain, and what the way in keeps beside it.
 * The only object a request allocates by design; its fields are all set here so that every call has one shape.
 */
export class Call implements Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly shared: CallShared;
  readonly plan: RoutePlan;
  readonly route: RouteRef;
  readonly method: string;
  readonly rest: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly startedAt: number;
  readonly deadlineAt: number;
  readonly maxAttempts: number;
  id = "";
  /** The Host header as received. */
  host = "";
  outHeaders: readonly string[] = [];
  body: Buffer = NO_BODY;
  repeatable = false;
  webhookId = "";
  readonly attempts: Attempt[] = [];
  readonly retries: Reason[] = [];
  tryMs = 0;
  waitedMs = 0;
  tried = 0;
  heldBytes = 0;
  denied: Reason | null = null;
  gone = false;
  readonly lane = "sync";
  readonly sentBefore = 0;
  readonly inDoubt = false;
  trial = false;
  onGone: (() => void) | null = null;
  onMove: (() => void) | null = null;
  /** Set while the body is read. */
  bodyTimer: Timer | null = null;
  bodyBytes = 0;
  bodyChunks: Buffer[] | null = null;
  bodyDone: ((end: BodyEnd) => void) | null = null;
  /** True once the caller has its answer, or never will. */
  finished = false;

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    shared: CallShared,
    plan: RoutePlan,
    path: string,
    rest: string,
    startedAt: number,
  ) {
    this.req = req;
    this.res = res;
    this.shared = shared;
    this.plan = plan;
    this.route = plan.ref;
    this.method = req.method as string;
    this.rest = rest;
    this.target = path;
    this.headers = req.rawHeaders;
    this.startedAt = startedAt;
    this.deadlineAt = startedAt + plan.settings.timeoutMs;
    this.maxAttempts = plan.maxAttempts;
  }

  get httpVersion(): string {
    return this.req.httpVersion;
  }

  get peer(): Peer {
    return peerOf(this.req);
  }
}

/** How reading a body ended. */
export type BodyEnd = "whole" | "too_large" | "late" | "overload" | "gone";

/** Node's objects carry their call under this key, so that listeners need no closure. */
export const CALL: unique symbol = Symbol("call");

export interface Carrier {
  [CALL]?: Call;
}
