import { uuidv7 } from "../core/ids.ts";
import { outcomeField } from "../core/outcome.ts";
import { queuedAnswer } from "../policy/fallback/spool.ts";
import { idempotencyKey } from "../policy/idempotency.key.ts";
import type { NewJob, Receipt } from "../spool/port.ts";
import type { Bounded } from "./acks.ts";
import { beginBody, takeBody } from "./body.ts";
import type { Call } from "./call.ts";
import { ABORTED, complete } from "./complete.ts";
import { requestIdOf, storedRequest } from "./delivery.ts";
import * as refuse from "./refusals.ts";
import { type Rejection, sayClose } from "./reply.ts";
import { cutShort, distrust, type SyncDeps, turnAway } from "./sync.ts";

export interface AsyncDeps extends SyncDeps {
  /** Resolves once the job is safely kept; with null where the spool can't, or does not say so within {@link ACK_MS}. */
  readonly put: Bounded<NewJob, Receipt>;
}

/** A disk that stalls must not hold a caller for ever; what it then hears is not that nothing was kept. */
export const ACK_MS = 10_000;

/**
 * From the body to the 202, which is said only when the job would survive the death of the process:
 * 100-continue → body → signature → idempotency → durable append → answer. Never rejects but for a bug.
 */
export async function serveAsync(call: Call, expectsContinue: boolean, deps: AsyncDeps): Promise<void> {
  await beginBody(call, expectsContinue);
  const requestId = requestIdOf(call.headers);
  // Should it be refused, it needs an id of its own; else the delivery's will do.
  call.id = requestId ?? "";
  const taken = takeBody(call);
  const end = typeof taken === "string" ? taken : await taken;
  if (end !== "whole") return cutShort(call, end, deps);
  const forged = distrust(call);
  if (forged !== null) return refused(call, forged, deps);
  const { plan } = call;
  const { idempotency } = plan.settings;
  const key = idempotency === null ? null : idempotencyKey(call.headers, idempotency, call.body);
  if (key !== null && !key.ok) return refused(call, refuse.keyUnusable(plan, key.error), deps);
  const { app, capability } = call.route;
  const receipt = await deps.put({
    app,
    capability,
    requestId,
    request: storedRequest(call),
    body: call.body,
    maxAgeMs: plan.settings.retry.maxAgeMs,
    orderKey: plan.orderKey === null ? null : plan.orderKey(call),
    blocks: plan.settings.orderBy?.onDead === "block",
    key: key === null ? null : key.value,
    origin: "async",
    sends: 0,
    tries: [],
    inDoubt: false,
    at: call.shared.clock.wall(),
  });
  if (receipt === null) return refused(call, refuse.SPOOL_AWAY, deps);
  switch (receipt.kind) {
    case "full":
      return refused(call, refuse.SPOOL_FULL, deps);
    case "conflict":
      return refused(call, refuse.KEY_CONFLICT, deps);
    default:
      return accept(call, receipt.id, receipt.kind === "duplicate", deps);
  }
}

function accept(call: Call, id: string, duplicate: boolean, deps: AsyncDeps): void {
  if (call.id === "") call.id = id;
  // The job goes on, whoever left.
  if (call.gone) return complete(call, ABORTED, deps.completion);
  const { status, headers, body } = queuedAnswer(id, duplicate);
  headers.push("X-Request-ID", call.id, "Outrigger-Outcome", QUEUED, "Content-Length", String(body.length));
  if (call.shared.closing()) sayClose(call.res, headers);
  call.res.writeHead(status, headers);
  call.res.end(body, "latin1");
  complete(call, { outcome: "queued", reason: null, strategy: null, status }, deps.completion);
}

const QUEUED = outcomeField("queued");

function refused(call: Call, rejection: Rejection, deps: AsyncDeps): void {
  if (call.id === "") call.id = uuidv7(call.shared.clock, deps.random);
  turnAway(call, rejection, deps);
}
