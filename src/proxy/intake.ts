import type { IncomingMessage, ServerResponse } from "node:http";
import { UNROUTED } from "../core/exchange.ts";
import { headerValue } from "../core/headers.ts";
import { isRequestId, uuidv7 } from "../core/ids.ts";
import type { LimitSettings } from "../core/settings.service.ts";
import { type AsyncDeps, serveAsync } from "./async.ts";
import { abandonBody, forgetHead } from "./body.ts";
import { CALL, Call, type CallShared, type Carrier, NO_BODY } from "./call.ts";
import { tellRefused } from "./complete.ts";
import { DELIVERIES, type Lookup, tellDelivery } from "./deliveries.ts";
import type { RoutePlan } from "./plan.ts";
import * as refuse from "./refusals.ts";
import { type Rejection, writeRejection } from "./reply.ts";
import type { Router } from "./router.ts";
import { serveSync } from "./sync.ts";
import { checkGuarded, guard } from "./wire.route.ts";
import { checkRequest, parseTarget } from "./wire.ts";

/** What a reload swaps in one assignment; requests in flight keep the plan they began with. */
export interface Routing {
  readonly router: Router<RoutePlan>;
  readonly limits: LimitSettings;
}

export interface IntakeDeps extends AsyncDeps {
  readonly lookUp: Lookup;
  readonly shared: CallShared;
  readonly routing: () => Routing;
  readonly servePassthrough: (call: Call, expectsContinue: boolean) => Promise<void>;
}

/** Bodies of refused requests up to this size are read and dropped, to keep the connection. */
const DRAIN_BYTES = 64 * 1024;

/**
 * The order a request goes through before its body, in one place: wire checks → route → **deadline starts** → rate
 * limit → in-flight and memory caps → bearer token → declared length; then `serveSync` goes on with 100-continue → body
 * → signature → idempotency → chain.
 */
export function takeIn(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean, deps: IntakeDeps): void {
  const call = admitted(req, res, deps);
  if (call === null) return;
  // A rejection of these is a bug: it is not caught, so that the process ends instead of limping on.
  switch (call.route.mode) {
    case "sync":
      return void serveSync(call, expectsContinue, deps);
    case "async":
      return void serveAsync(call, expectsContinue, deps);
    case "passthrough":
      return void deps.servePassthrough(call, expectsContinue);
  }
}

/** The same for a WebSocket's opening handshake; `serve` relays it. */
export function takeUpgrade(
  req: IncomingMessage,
  res: ServerResponse,
  deps: IntakeDeps,
  serve: (call: Call) => Promise<void>,
): void {
  const call = admitted(req, res, deps);
  if (call !== null) void serve(call);
}

function admitted(req: IncomingMessage, res: ServerResponse, deps: IntakeDeps): Call | null {
  const startedAt = deps.shared.clock.now();
  const { router, limits } = deps.routing();
  const found = find(req, router, limits);
  if ("delivery" in found) {
    if (deps.completion.inFlight.count >= limits.inFlight) reject(req, res, null, refuse.FULL, startedAt, deps);
    else void lookUp(req, res, found.delivery, deps);
    return null;
  }
  const refused = "plan" in found ? admit(found.plan, req, limits, startedAt, deps) : found;
  if (refused !== null || !("plan" in found)) {
    reject(req, res, "plan" in found ? found.plan : null, refused as Rejection, startedAt, deps);
    return null;
  }
  deps.completion.inFlight.count++;
  found.plan.inFlight.count++;
  const call = new Call(req, res, deps.shared, found.plan, found.path, found.rest, startedAt);
  (res as Carrier)[CALL] = call;
  res.on("close", onClose);
  return call;
}

/** Each asks the store: like any other request it counts, so that callers who ask for thousands hold up no webhook. */
async function lookUp(req: IncomingMessage, res: ServerResponse, id: string, deps: IntakeDeps): Promise<void> {
  const { inFlight } = deps.completion;
  inFlight.count++;
  await tellDelivery(req, res, id, deps.lookUp);
  inFlight.count--;
}

interface FoundRoute {
  readonly plan: RoutePlan;
  readonly path: string;
  readonly rest: string;
}

/** A caller asks what became of this delivery. */
interface FoundDelivery {
  readonly delivery: string;
}

/** Wire checks and routing: the plan, or why there is none. Shared with upgrades. */
export function find(
  req: IncomingMessage,
  router: Router<RoutePlan>,
  limits: LimitSettings,
): FoundRoute | FoundDelivery | Rejection {
  const checked = checkRequest(req, limits);
  if (typeof checked !== "string") return checked;
  const target = parseTarget(req.url ?? "");
  if (target.kind === "refused") return target.refusal;
  if (target.path.startsWith(DELIVERIES)) return { delivery: target.path.slice(DELIVERIES.length) };
  const host = headerValue(req.rawHeaders, "host") ?? "";
  const absolute = target.kind === "absolute";
  if (absolute && target.authority.toLowerCase() !== host.toLowerCase()) return refuse.OTHER_AUTHORITY;
  const match = router.find(req.method ?? "", host, target.path, req.rawHeaders);
  if (match.kind === "none") return refuse.notFound(target.path);
  if (match.kind === "method") return refuse.otherMethod(match.allow);
  if (absolute && match.value.settings.match.host === null) return refuse.OTHER_AUTHORITY;
  if (checked === "unusual" || router.underscored) {
    const { rawHeaders } = req;
    // The app must not find a header that was missed here, nor miss one that was there: another route was taken for it.
    const chosenBy = guard(router.chosenBy(host, target.path), []);
    const guarded = checkGuarded(rawHeaders, match.value.guarded) ?? checkGuarded(rawHeaders, chosenBy);
    if (guarded !== null) return guarded;
  }
  return { plan: match.value, path: target.path, rest: match.rest + target.query };
}

function admit(
  plan: RoutePlan,
  req: IncomingMessage,
  limits: LimitSettings,
  now: number,
  deps: IntakeDeps,
): Rejection | null {
  // Of an async route the sends are paced, not the intake.
  const waitMs = plan.takeToken === null || plan.ref.mode === "async" ? 0 : plan.takeToken(now);
  if (waitMs > 0) return refuse.rateLimited(plan, waitMs);
  if (deps.completion.inFlight.count >= limits.inFlight) return refuse.FULL;
  const { inbound } = plan;
  if (inbound !== null && !inbound.ofBody) {
    const problem = inbound.check(req.rawHeaders, NO_BODY, deps.shared.clock.wall());
    if (problem !== null) return refuse.unverified(plan, inbound, problem);
  }
  if (plan.ref.mode === "passthrough") return null;
  const declared = declaredLength(req);
  if (declared > plan.settings.bodyLimit) return refuse.bodyTooLarge(plan);
  if (deps.shared.memory.held + declared > limits.buffered) return refuse.FULL;
  return null;
}

/** Refuses and says so: every refusal is counted, routed or not. */
function reject(
  req: IncomingMessage,
  res: ServerResponse,
  plan: RoutePlan | null,
  rejection: Rejection,
  startedAt: number,
  deps: IntakeDeps,
): void {
  const { clock, closing } = deps.shared;
  const given = headerValue(req.rawHeaders, "x-request-id") ?? "";
  const id = isRequestId(given) ? given : uuidv7(clock, deps.random);
  // A large body that nobody will read is not worth waiting for.
  const close = rejection.close === true || closing() || declaredLength(req) > DRAIN_BYTES;
  writeRejection(res, id, { ...rejection, close });
  tellRefused(deps.completion.bus, {
    at: clock.wall(),
    route: plan?.ref ?? UNROUTED,
    id,
    method: req.method ?? "",
    reason: rejection.reason,
    status: rejection.status,
    durationMs: clock.now() - startedAt,
  });
}

function declaredLength(req: IncomingMessage): number {
  const text = req.headers["content-length"];
  return text === undefined ? 0 : Number(text);
}

// Comes after every answer, too: then the call is finished and nothing is left to do.
function onClose(this: ServerResponse): void {
  const call = (this as Carrier)[CALL];
  if (call === undefined) return;
  forgetHead(call.req);
  if (call.finished || call.gone) return;
  call.gone = true;
  abandonBody(call);
  const { onGone } = call;
  call.onGone = null;
  onGone?.();
}
