import type { Clock } from "../core/clock.ts";
import type { EventBus, OutriggerEvent } from "../core/events.ts";
import type { Attempt, Exchange, RouteRef } from "../core/exchange.ts";
import type { MemoryLedger } from "../core/memory.ts";
import type { Random } from "../core/random.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { SpoolSettings } from "../core/settings.service.ts";
import type { StoredPause } from "../core/stored.ts";
import { backoffMs } from "../policy/backoff.ts";
import { anyUsable } from "../policy/choose.ts";
import { type Later, leavesDoubt } from "../policy/fallback/later.ts";
import { Delivery, endedByUs, storedRequest, triesOf } from "../proxy/delivery.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import { createDeliverer, type Deliverer } from "../spool/deliverer.ts";
import { createPauses, type Pauses } from "../spool/pauses.ts";
import type { LeasedJob, NewJob, Receipt } from "../spool/port.ts";
import type { DeliveryRoute, Sending } from "../spool/route.ts";
import { createUpkeep, type Upkeep } from "../spool/upkeep.ts";
import { copyPath } from "../storage/directory.ts";
import type { SpoolBounds, SqliteSpool, Storage } from "../storage/storage.ts";
import { laterRetry } from "./plans.ts";

/** The asynchronous path: the spool, who empties it, and the ways in. */
export interface Deliveries extends AsyncDisposable {
  readonly spool: SqliteSpool;
  readonly deliverer: Deliverer;
  readonly pauses: Pauses;
  readonly upkeep: Upkeep;
  /** Puts a job and says so. */
  put(job: NewJob): Promise<Receipt>;
  later(route: LaterRoute): Later;
  /** The routes of a new manifest. */
  apply(plans: readonly RoutePlan[], settings: SpoolSettings): void;
  /** Begins to deliver. */
  start(): Promise<void>;
  /** Where a copy of the spool is made. */
  readonly copyPath: () => string;
}

/** Of a route's settings, what is needed to leave one of its requests behind. */
type LaterRoute = Pick<RouteSettings, "capability"> & {
  readonly app: Pick<RouteSettings["app"], "name">;
  readonly retry: Pick<RouteSettings["retry"], "maxAgeMs">;
};

export interface DeliveriesDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: MemoryLedger;
  readonly bus: EventBus;
  readonly key: string | undefined;
  readonly dataDir: string;
  readonly onCommit: (ms: number, jobs: number) => void;
  readonly onAttempts: (route: RouteRef, attempts: readonly Attempt[]) => void;
}

export async function openDeliveries(deps: DeliveriesDeps, settings: SpoolSettings): Promise<Deliveries> {
  const { storage, clock, random, bus } = deps;
  const { history } = storage;
  let running: Deliverer | null = null;
  const spool = await storage.openSpool({
    bounds: boundsOf(settings),
    random,
    key: deps.key,
    onCommit: deps.onCommit,
    // Before there is one, nothing is held and nothing was read.
    onBack: () => running?.unsure(),
  });
  // Where it can't be written down, it holds until the next start: `storage.failing` has said so.
  const pauses = createPauses(await history.loadPauses(), {
    save: (pause: StoredPause) => void history.savePause(pause).catch(() => undefined),
    remove: (app, capability) => void history.removePause(app, capability).catch(() => undefined),
  });
  const deliverer = createDeliverer({
    spool,
    clock,
    pauses,
    emit: bus.emit,
    backoffMs: (retry, n) => backoffMs(retry, n, random),
  });
  running = deliverer;
  const upkeep = createUpkeep({ spool, clock, emit: bus.emit });
  const off = bus.on((event: OutriggerEvent) => {
    // An expired one may have let the next of its order key go.
    const freed = event.type === "dlq.added" && event.reason === "expired";
    if (freed || event.type === "breaker.closed" || event.type === "breaker.half_open") {
      deliverer.wake(event.app, event.capability);
    }
  });

  const put = async (job: NewJob): Promise<Receipt> => {
    const receipt = await spool.put(job);
    if (receipt.kind === "queued" && job.dead === undefined) {
      deliverer.queued(job);
      const { app, capability, origin } = job;
      const { id } = receipt;
      const requestId = job.requestId ?? id;
      bus.emit({ type: "delivery.queued", at: clock.wall(), app, capability, id, requestId, origin });
    } else if (receipt.kind === "full") upkeep.look();
    return receipt;
  };
  /** Its caller was told something else: it is neither sent nor kept. */
  const withdraw = (id: string): void => {
    deliverer.forget(new Set([id]));
    spool
      .change("cancel", [id])
      .then(() => spool.change("delete", [id]))
      .catch(() => undefined);
  };
  return {
    spool,
    deliverer,
    pauses,
    upkeep,
    put,
    later: (route) => laterOf(route, put, deps, withdraw),
    apply(plans, next) {
      spool.configure(boundsOf(next));
      const routes = plans
        .filter(({ ref }) => ref.mode !== "passthrough")
        .map((plan): DeliveryRoute => deliveryRoute(plan, deps));
      deliverer.apply(routes, { concurrency: next.concurrency, perApp: next.perApp, batch: next.batch });
    },
    async start() {
      await deliverer.start();
      upkeep.start();
    },
    copyPath: () => copyPath(deps.dataDir, clock.wall()),
    async [Symbol.asyncDispose]() {
      off();
      upkeep.stop();
      await deliverer.stop();
    },
  };
}

function boundsOf(settings: SpoolSettings): SpoolBounds {
  const { maxJobs, maxBytes, retainDeliveredMs, retainDeadMs, durability } = settings;
  return { maxJobs, maxBytes, retainDeliveredMs, retainDeadMs, durability };
}

/** What a synchronous call leaves behind: it keeps its id, and its tries count on. */
function laterOf(
  route: LaterRoute,
  put: (job: NewJob) => Promise<Receipt>,
  { clock }: DeliveriesDeps,
  cancel: (id: string) => void,
): Later {
  const keep = async (x: Exchange): Promise<string | null> => {
    try {
      const receipt = await put({
        app: route.app.name,
        capability: route.capability,
        requestId: x.id,
        request: storedRequest(x),
        body: x.body,
        maxAgeMs: route.retry.maxAgeMs,
        orderKey: null,
        key: null,
        origin: "fallback",
        sends: x.attempts.length,
        tries: triesOf(x, null, clock),
        inDoubt: leavesDoubt(x),
        at: clock.wall(),
      });
      return receipt.kind === "queued" ? receipt.id : null;
    } catch {
      return null;
    }
  };
  return { keep, cancel };
}

function deliveryRoute(plan: RoutePlan, deps: DeliveriesDeps): DeliveryRoute {
  const { settings, ref, targets, takeToken } = plan;
  return {
    app: ref.app,
    capability: ref.capability,
    key: ref.key,
    priority: settings.priority,
    retry: laterRetry(settings),
    onDead: settings.orderBy?.onDead ?? "release",
    takeToken: ref.mode === "async" ? takeToken : null,
    admits: (now) => anyUsable(targets, now),
    retryAfterMs(now) {
      let soonest: number | null = null;
      for (const target of targets) {
        const ms = target.retryAfterMs(now);
        if (ms !== null && (soonest === null || ms < soonest)) soonest = ms;
      }
      return soonest;
    },
    fits: (job) => deps.memory.fits(job.body.length),
    send: (job) => send(plan, job, deps),
  };
}

/** One attempt. The body is booked like every other that is held. */
function send(plan: RoutePlan, job: LeasedJob, deps: DeliveriesDeps): Sending {
  const { clock, memory } = deps;
  if (!memory.take(job.body.length)) throw new Error("a job is sent that does not fit");
  const x = new Delivery(plan, job, deps);
  const run = async () => {
    const reply = await plan.deliver(x);
    if (reply.kind === "answer") reply.stream?.abort();
    memory.give(x.heldBytes);
    deps.onAttempts(x.route, x.attempts);
    const worth = plan.worthOf(reply);
    return {
      reply,
      worth,
      tries: triesOf(x, reply, clock),
      trial: x.trial,
      aborted: endedByUs(reply, worth, x),
      repeatable: x.repeatable,
      inDoubt: leavesDoubt(x),
    };
  };
  return { done: run(), abort: () => x.abort() };
}
