import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Exchange, Reply, RouteRef, Worth } from "../core/exchange.ts";
import type { MemoryLedger } from "../core/memory.ts";
import type { Random } from "../core/random.ts";
import type { RetrySettings, RouteSettings, ValueRef } from "../core/settings.route.ts";
import type { AppSettings, UpstreamSettings } from "../core/settings.ts";
import type { BreakerId } from "../core/stored.ts";
import type { BreakerCell, Breakers } from "../policy/breaker.ts";
import { composeChains } from "../policy/chain.ts";
import { UNWATCHED } from "../policy/failover.cell.ts";
import type { LastGoodStore } from "../policy/fallback/last_good.store.ts";
import type { Later } from "../policy/fallback/later.ts";
import { compileFallbacks } from "../policy/fallback/strategies.ts";
import { createIdempotency, type IdempotencyDeps } from "../policy/idempotency.ts";
import type { ResponseCheck } from "../policy/response.ts";
import type { TargetParts } from "../policy/target.ts";
import { compileValueRef, contextLabels } from "../policy/values.ts";
import type { PlanHeaders } from "../proxy/plan.headers.ts";
import type { RoutePlan, Way } from "../proxy/plan.ts";
import { type SendPlan, sendOnce } from "../upstream/send.ts";
import { signatureHeaderNames } from "../upstream/sign.ts";
import type { AppState } from "./apps.ts";
import type { Compiled, CompiledApp } from "./compile.ts";
import type { Failovers } from "./failovers.ts";
import type { Upstreams } from "./upstreams.ts";
import type { VerifyCall } from "./verifications.ts";

export interface PlanDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: MemoryLedger;
  readonly breakers: Breakers;
  readonly upstreams: Upstreams;
  readonly failovers: Pick<Failovers, "of">;
  readonly lastGood: LastGoodStore;
  /** The way into the spool, for fallbacks of a route. */
  readonly later: (route: RouteSettings) => Later;
  /** Hears of synchronous calls that are to be verified. */
  readonly verifyCall: VerifyCall;
  readonly idempotency: Omit<IdempotencyDeps, "clock">;
  /** State of an app that outlives reloads: rate limit, requests in flight, time for checks. */
  readonly appState: (app: AppSettings) => AppState;
  /** Hears of each plan in the turn in which it is made, long before it is in force: what goes by it is made then, too. */
  readonly planned: (plan: RoutePlan) => void;
}

/** With the state of its app. */
type Bound = Omit<Compiled, "check"> & { readonly check: ResponseCheck };

/** The frozen plan of one route, with its chain composed. A request only calls. */
export function createPlan(compiled: Compiled, planHeaders: PlanHeaders, deps: PlanDeps): RoutePlan {
  const { route, classifier, verify } = compiled;
  const { app } = route;
  const ref: RouteRef = Object.freeze({
    app: app.name,
    capability: route.capability,
    key: route.key,
    mode: route.mode,
  });
  const worthOf = classifier.ofReply;
  const breakers = route.upstreams.map((upstream) => deps.breakers.cell(breakerId(route, upstream), route.breaker));
  const state = deps.appState(app);
  const check = compiled.check(state.schemaBudget);
  // A streamed body can't be signed, so there the platform's own signature goes through.
  const signed = app.sign === null || route.mode === "passthrough" ? [] : signatureHeaderNames(app.sign);
  const chains = composeChains(
    {
      route,
      upstreams: breakers.map((breaker, i) => targetParts({ ...compiled, check }, i, breaker, worthOf, deps)),
      strategies: compileFallbacks(route.fallback, { ...deps, later: deps.later(route) }),
      worthOf,
      timeoutIsTransient: classifier.ofFault("timeout") === "transient",
      onGood: verify === null ? null : (x, answer) => deps.verifyCall(route, verify, x, answer),
    },
    deps,
  );
  return {
    ref,
    settings: route,
    ...chains,
    worthOf,
    laterAttempts: laterRetry(route).attempts,
    orderKey: route.orderBy === null ? null : orderKey(route.orderBy.key),
    inbound: compiled.inbound,
    verify,
    idempotency:
      route.idempotency === null || route.mode !== "sync"
        ? null
        : createIdempotency(ref, route.idempotency, { clock: deps.clock, ...deps.idempotency }),
    ways: route.mode === "passthrough" ? breakers.map((breaker, i) => way(compiled, i, breaker, deps)) : [],
    ...planHeaders(route, compiled.inbound?.headers ?? [], signed),
    set: route.headers.set.flat(),
    takeToken: state.takeToken,
    labels: contextLabels(app.context),
    maxAttempts: route.retry.attempts,
    inFlight: state.inFlight,
    breakers,
  };
}

/** A plan that the next manifest leaves as it is: what it stands on is in use still. */
export function keepPlan(
  { settings }: RoutePlan,
  app: CompiledApp,
  deps: Pick<PlanDeps, "upstreams" | "failovers">,
): void {
  for (const upstream of settings.upstreams) {
    deps.upstreams.get(settings.app, upstream, app, settings.connectTimeoutMs);
    deps.failovers.of(settings.app, upstream);
  }
}

/** Nobody waits for a job: what a synchronous call left behind is retried no less patiently than others. */
export function laterRetry({ mode, retry }: RouteSettings): RetrySettings {
  if (mode === "async") return retry;
  const { attempts, initialMs, maxMs } = retry;
  return {
    ...retry,
    attempts: Math.max(attempts, LATER.attempts),
    initialMs: Math.max(initialMs, LATER.initialMs),
    maxMs: Math.max(maxMs, LATER.maxMs),
  };
}

/** The defaults of async routes. */
const LATER = { attempts: 3, initialMs: 1_000, maxMs: 30_000 };

/** Longer values are known by their hash: a key is kept with each job. */
const LONGEST_KEY = 128;

function orderKey(ref: ValueRef): (x: Exchange) => string | null {
  const read = compileValueRef(ref);
  return (x) => {
    const value = read(x);
    if (value === undefined) return null;
    return value.length <= LONGEST_KEY ? value : `sha256:${createHash("sha256").update(value).digest("base64url")}`;
  };
}

function targetParts(
  compiled: Bound,
  index: number,
  breaker: BreakerCell,
  worthOf: (reply: Reply) => Worth,
  deps: PlanDeps,
): TargetParts {
  const { route, check, classifier } = compiled;
  const upstream = route.upstreams[index] as RouteSettings["upstreams"][number];
  const shared = deps.upstreams.get(route.app, upstream, compiled.app, route.connectTimeoutMs);
  const own = deps.failovers.of(route.app, upstream);
  const backed = route.upstreams.length > 1;
  const plan: SendPlan = {
    path: outgoingPath(route, upstream),
    preserveHost: route.app.preserveHost,
    connectTimeoutMs: route.connectTimeoutMs,
    maxBytes: route.response.maxBytes,
    refuseLarge: check.refuseLarge,
    signer: compiled.app.signer,
    check,
  };
  const sendDeps = { clock: deps.clock, memory: deps.memory, leave: () => shared.slots.leave() };
  return {
    name: upstream.name,
    weight: upstream.weight,
    health: own?.health ?? UNWATCHED,
    watched:
      own === null || !backed
        ? null
        : {
            watch: own.watch,
            waiting: own.watch.route(route.key),
            movable: classifier.ofFault("timeout") === "transient",
          },
    breaker,
    slots: shared.slots,
    budget: shared.budget,
    budgetPercent: route.retry.budget,
    send: (x: Exchange) => sendOnce(shared.client, plan, sendDeps, x),
    worthOf,
  };
}

/** One upstream of a passthrough route: the same breaker and slots as its sync neighbours, a connection of its own. */
function way(compiled: Compiled, index: number, breaker: BreakerCell, deps: PlanDeps): Way {
  const { route, classifier } = compiled;
  const upstream = route.upstreams[index] as UpstreamSettings;
  const shared = deps.upstreams.get(route.app, upstream, compiled.app, route.connectTimeoutMs);
  return {
    name: upstream.name,
    weight: upstream.weight,
    health: deps.failovers.of(route.app, upstream)?.health ?? UNWATCHED,
    upstream,
    agent: shared.agent,
    path: outgoingPath(route, upstream),
    breaker,
    slots: shared.slots,
    classifier,
    admits: (now) => breaker.admits(now),
    retryAfterMs: (now) => breaker.retryAfterMs(now),
  };
}

/** What follows a star begins with a slash of its own: `path: /` there means the root itself. */
function outgoingPath({ match, path }: RouteSettings, { prefix }: UpstreamSettings): string {
  return prefix + (match.path.endsWith("/*") && path.endsWith("/") ? path.slice(0, -1) : path);
}

function breakerId(route: RouteSettings, upstream: UpstreamSettings): BreakerId {
  return { app: route.app.name, capability: route.capability, upstream: upstream.name, url: upstream.url };
}
