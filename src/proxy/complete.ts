import type { EventBus, Labels, RequestCompleted } from "../core/events.ts";
import type { Call } from "./call.ts";
import type { Verdict } from "./reply.ts";

/** What ends a call: exactly once, whoever comes first. */
export interface Completion {
  readonly bus: EventBus;
  /** Requests whose end has not come yet, over all routes. */
  readonly inFlight: { count: number };
}

/** The caller left: neither success nor failure. */
export const ABORTED: Verdict = { outcome: "aborted", reason: null, strategy: null, status: 0 };

/** Gives back what the call held and says what became of it. Twice is safe. */
export function complete(call: Call, verdict: Verdict, completion: Completion): void {
  if (call.finished) return;
  call.finished = true;
  completion.inFlight.count--;
  call.plan.inFlight.count--;
  const { clock } = call.shared;
  if (call.heldBytes > 0) giveBack(call);
  const durationMs = clock.now() - call.startedAt;
  let othersMs = call.waitedMs;
  for (const attempt of call.attempts) othersMs += attempt.durationMs;
  const at = clock.wall();
  const labels = call.plan.labels(call);
  completion.bus.emit({
    type: "request.completed",
    at,
    route: call.route,
    id: call.id,
    method: call.method,
    outcome: verdict.outcome,
    reason: verdict.reason,
    strategy: verdict.strategy,
    status: verdict.status,
    durationMs,
    overheadMs: Math.max(0, durationMs - othersMs),
    attempts: call.attempts,
    retries: call.retries,
    denied: call.denied,
    labels,
  });
  if (verdict.outcome === "fallback" && verdict.strategy !== null && verdict.reason !== null) {
    const { strategy, reason } = verdict;
    completion.bus.emit({ type: "fallback.used", at, route: call.route, id: call.id, strategy, reason, labels });
  }
}

/** What the caller has not taken yet is held on: until its last byte went, or the caller did. */
function giveBack(call: Call): void {
  const { heldBytes, res, shared } = call;
  call.heldBytes = 0;
  // Behind answers of its connection that are still to come it has no socket, and Node lets little wait there.
  if (call.gone || res.socket === null || res.writableLength === 0) shared.memory.give(heldBytes);
  else res.once("close", () => shared.memory.give(heldBytes));
}

/** Says that a request was refused: every refusal is counted, routed or not. */
export function tellRefused(
  bus: EventBus,
  refused: Pick<RequestCompleted, "at" | "route" | "id" | "method" | "reason" | "status" | "durationMs">,
): void {
  bus.emit({
    type: "request.completed",
    ...refused,
    outcome: "rejected",
    strategy: null,
    overheadMs: refused.durationMs,
    attempts: [],
    retries: [],
    denied: null,
    labels: NO_LABELS,
  });
}

const NO_LABELS: Labels = Object.freeze({});
