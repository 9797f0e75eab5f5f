import type { Clock } from "../core/clock.ts";
import type { Exchange, Reply, Worth } from "../core/exchange.ts";
import type { MemoryLedger } from "../core/memory.ts";
import type { Reason } from "../core/outcome.ts";
import type { UpstreamClient } from "./client.ts";
import type { Signer } from "./sign.ts";
import { Try } from "./try.ts";

/** What one route asks of each of its tries; made when the manifest loads. */
export interface SendPlan {
  /** The outgoing path before the unmatched rest: the upstream's prefix and the route's path. */
  readonly path: string;
  /** Send the caller's Host instead of the upstream's own authority. */
  readonly preserveHost: boolean;
  readonly connectTimeoutMs: number;
  readonly maxBytes: number;
  /** True where a response over `maxBytes` is a failure (schema, envelope); else it is streamed. */
  readonly refuseLarge: boolean;
  readonly signer: Signer | null;
  readonly check: ResponseCheck;
}

/** What `policy/response` compiles: says what a whole answer is worth. `body` is null where only the head is known. */
interface ResponseCheck {
  judge(x: Exchange, status: number, headers: readonly string[], body: Buffer | null): Judgement;
}

interface Judgement {
  readonly worth: Worth;
  readonly reason: Reason | null;
  readonly retryAfterMs: number | null;
  readonly detail: string | null;
}

export interface SendDeps {
  readonly clock: Clock;
  readonly memory: MemoryLedger;
  /** Called exactly once a try, when its last byte is done with: then another may take its place. */
  readonly leave: () => void;
}

/**
 * One try: writes the request to the upstream and resolves with its whole answer or a {@link Fault}; never rejects.
 * The try ends by itself after `x.tryMs`, or when the caller goes away.
 */
export function sendOnce(client: UpstreamClient, plan: SendPlan, deps: SendDeps, x: Exchange): Promise<Reply> {
  return new Promise((resolve) => {
    new Try(client, plan, deps, x, resolve).begin();
  });
}
