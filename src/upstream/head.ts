import type { Dispatcher } from "undici";
import type { Exchange } from "../core/exchange.ts";
import { CHUNKED, sift } from "../core/headers.ts";
import type { SendPlan } from "./send.ts";

/** Fields of an app's answer that are ours to write. */
const OURS: ReadonlySet<string> = new Set(["content-length", "x-request-id", "outrigger-outcome"]);

/** The headers of one try: those of every try, then what is this one's. */
export function outHeaders(x: Exchange, plan: Pick<SendPlan, "preserveHost" | "signer">, wallMs: number): string[] {
  const headers = x.outHeaders.slice();
  if (plan.preserveHost && x.host !== "") headers.push("Host", x.host);
  headers.push("X-Timeout-Ms", String(Math.max(1, Math.round(x.tryMs))));
  headers.push("X-Retry-Attempt", String(x.sentBefore + x.attempts.length), "X-Max-Attempts", String(x.maxAttempts));
  if (x.inDoubt) headers.push("Outrigger-In-Doubt", "?1");
  plan.signer?.sign(x.webhookId, wallMs, x.body, headers);
  return headers;
}

/** The head of an answer, with what it says of its body. */
export interface AnswerHead {
  /** End-to-end fields, in order and spelling, without those that are ours to write. */
  readonly headers: readonly string[];
  /** The declared length, -1 where there is none. */
  readonly length: number;
  /** The body bears a coding beside one `chunked`: undici hands us bytes that are still coded, or chunks. */
  readonly coded: boolean;
}

/** Reads the head that undici keeps as bytes on its controller, which its types do not say. */
export function readAnswerHead(controller: Dispatcher.DispatchController): AnswerHead {
  const raw = (controller as unknown as { readonly rawHeaders: readonly Buffer[] }).rawHeaders;
  const framing: Framing = { length: -1, chunked: false, coded: false };
  const headers = sift(raw.map(latin1), OURS, noteFraming, framing);
  return { headers, length: framing.length, coded: framing.coded };
}

interface Framing {
  length: number;
  chunked: boolean;
  coded: boolean;
}

function noteFraming(framing: Framing, lower: string, value: string): void {
  if (lower === "content-length") framing.length = Number(value);
  else if (lower === "transfer-encoding") {
    framing.coded ||= framing.chunked || !CHUNKED.test(value);
    framing.chunked = true;
  }
}

function latin1(bytes: Buffer): string {
  return (bytes as unknown as { latin1Slice(): string }).latin1Slice();
}
