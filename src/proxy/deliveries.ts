import type { IncomingMessage, ServerResponse } from "node:http";
import { timeText } from "../core/event.record.ts";
import type { JobSummary } from "../core/job.ts";
import { problem } from "../core/problem.ts";
import type { Bounded } from "./acks.ts";

/** What a caller may know of a delivery: its state, never its payload. */
export type DeliveryState = Pick<
  JobSummary,
  "id" | "state" | "reason" | "at" | "endedAt" | "dueAt" | "attempts" | "sends"
> & {
  /** Its route waits for something, whatever its own state. */
  readonly parked: boolean;
};

/** Finds a delivery; null for an id that is unknown. Rejects where the spool does not answer. */
export type FindDelivery = (id: string) => Promise<DeliveryState | null>;

/** The same in a time that a caller can wait; null where the spool does not answer. */
export type Lookup = Bounded<string, { readonly job: DeliveryState | null }>;

export const DELIVERIES = "/.outrigger/deliveries/";

/** `GET /.outrigger/deliveries/{id}`. Never rejects. */
export async function tellDelivery(req: IncomingMessage, res: ServerResponse, id: string, look: Lookup): Promise<void> {
  if (req.method !== "GET" && req.method !== "HEAD") {
    return say(res, 405, problem(405, "method-not-allowed", "Only GET and HEAD"), ["Allow", "GET, HEAD"]);
  }
  const answer = await look(id);
  if (answer === null) {
    const detail = "The spool does not answer just now; come back after Retry-After.";
    return say(res, 503, problem(503, "storage", "The delivery can't be looked up", detail), ["Retry-After", "5"]);
  }
  const found = answer.job;
  if (found === null) {
    const detail = "It was never accepted here, or ended longer ago than deliveries are kept.";
    return say(res, 404, problem(404, "no-delivery", "No such delivery", detail));
  }
  say(res, 200, {
    id: found.id,
    status: found.parked && WAITING.has(found.state) ? "parked" : found.state,
    ...(found.reason !== null && { reason: found.reason }),
    attempts: found.attempts,
    sends: found.sends,
    accepted_at: timeText(found.at),
    ...(found.dueAt !== null && { next_attempt_at: timeText(found.dueAt) }),
    ...(found.endedAt !== null && { ended_at: timeText(found.endedAt) }),
  });
}

/** A leased job of a parked route only waits here for its turn. */
const WAITING: ReadonlySet<string> = new Set(["queued", "leased"]);

function say(res: ServerResponse, status: number, body: object, more: readonly string[] = []): void {
  if (res.destroyed) return;
  const text = JSON.stringify(body);
  const type = status === 200 ? "application/json" : "application/problem+json";
  const length = String(Buffer.byteLength(text));
  res.writeHead(status, ["Content-Type", type, "Content-Length", length, "Cache-Control", "no-store", ...more]);
  res.end(text);
}
