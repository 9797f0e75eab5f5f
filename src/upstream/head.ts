import type { Dispatcher } from "undici";
import type { Exchange } from "../core/exchange.ts";
import type { SendPlan } from "./send.ts";

/** Fields of an app's answer that are ours to write. */
export const OURS: ReadonlySet<string> = new Set(["content-length", "x-request-id", "outrigger-outcome"]);

/** The headers of one try: those of every try, then what is this one's. */
export function outHeaders(x: Exchange, plan: Pick<SendPlan, "preserveHost" | "signer">, wallMs: number): string[] {
  const headers = x.outHeaders.slice();
  if (plan.preserveHost && x.host !== "") headers.push("Host", x.host);
  headers.push("X-Timeout-Ms", String(Math.max(1, Math.round(x.tryMs))));
  headers.push("X-Retry-Attempt", String(x.attempts.length), "X-Max-Attempts", String(x.maxAttempts));
  plan.signer?.sign(x.webhookId, wallMs, x.body, headers);
  return headers;
}

/** The fields of a response as they came: undici keeps the bytes on its controller, which its types do not say. */
export function rawHeaders(controller: Dispatcher.DispatchController): string[] {
  const raw = (controller as unknown as { readonly rawHeaders: readonly Buffer[] }).rawHeaders;
  return raw.map(latin1);
}

/**
 * How the body of an answer is framed: its declared length, -1 where it has none, or null where it bears a coding
 * beside `chunked`. undici takes the framing off such a body and would hand us bytes that are still coded.
 */
export function framingOf(headers: readonly string[]): number | null {
  let length = -1;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 14 && name.toLowerCase() === "content-length") length = Number(headers[i + 1]);
    else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      if ((headers[i + 1] as string).trim().toLowerCase() !== "chunked") return null;
    }
  }
  return length;
}

function latin1(bytes: Buffer): string {
  return bytes.toString("latin1");
}
