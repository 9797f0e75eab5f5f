import type { RawHeaders } from "../../core/headers.ts";

/** Is a request from whom it says, with these very bytes? One scheme a file beside this one. */
export interface Inbound {
  /** False where the head alone decides: then it is asked before the body is read, and given an empty one. */
  readonly ofBody: boolean;
  /** The headers it reads, lower case. */
  readonly headers: readonly string[];
  /** Null: it is. `body` is looked at as the bytes it is, `wallMs` is Unix milliseconds. Never throws. */
  check(headers: RawHeaders, body: Buffer, wallMs: number): InboundProblem | null;
}

/**
 * Why a request is not believed. `missing` and `repeated`: a header of the scheme is not there exactly once;
 * `malformed`: not of the scheme's form; `stale`: its time is further from now than `tolerance`; `mismatch`: none of the
 * secrets makes it.
 */
export type InboundProblem = "missing" | "repeated" | "malformed" | "stale" | "mismatch";

/** What a scheme is compiled from. */
export interface InboundOptions {
  readonly secrets: readonly string[];
  /** Lower case; null: the scheme's own. */
  readonly header: string | null;
  readonly toleranceMs: number;
}
