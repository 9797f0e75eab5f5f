import { eventApp } from "../core/event.record.ts";
import type { EventBus, OutriggerEvent } from "../core/events.ts";
import { type JobSummary, OWN_APP } from "../core/job.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import type { RedisSettings, SpoolSettings } from "../core/settings.service.ts";
import type { StoredPause } from "../core/stored.ts";
import type { Log } from "../observe/log.ts";
import { backoffMs } from "../policy/backoff.ts";
import type { Later } from "../policy/fallback/later.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import { createDeliverer, type Deliverer } from "../spool/deliverer.ts";
import { createPauses, type Pauses } from "../spool/pauses.ts";
import type { NewJob, Receipt, RouteSurvey } from "../spool/port.ts";
import type { DeliveryRoute } from "../spool/route.ts";
import { createUpkeep, type Upkeep } from "../spool/upkeep.ts";
import { createVerifier, type Verifier, type VerifyRoute } from "../spool/verifier.ts";
import { copyPath } from "../storage/directory.ts";
import type { Storage } from "../storage/storage.ts";
import { type DeliveringDeps, deliveryRoute } from "./delivering.ts";
import { openGoneCounts } from "./gone.ts";
import { type LaterRoute, laterOf } from "./later.ts";
import { laterRetry } from "./plans.ts";
import { joinQueued } from "./queued.ts";
import type { RedisService } from "./redis.ts";
import { type AppSpool, boundsOf, openSpool } from "./spools.ts";
import {
  type AskUpstream,
  createVerifyCall,
  type ReportDeps,
  reportVerification,
  type VerifyCall,
  verifyRoute,
} from "./verifications.ts";

/** The asynchronous path: the spool, who empties it, and the ways in. */
export interface Deliveries extends AsyncDisposable {
  readonly spool: AppSpool;
  readonly deliverer: Deliverer;
  readonly pauses: Pauses;
  readonly upkeep: Upkeep;
  /** Puts a job and says so. */
  put(job: NewJob): Promise<Receipt>;
  /** Puts one of our own. */
  putOwn(job: NewJob): Promise<Receipt>;
  later(route: LaterRoute): Later;
  readonly verifyCall: VerifyCall;
  /** An operator did something to these, which were being verified: nobody asks any more. */
  unasked(jobs: readonly JobSummary[]): void;
  /** Makes what a plan's deliveries go by, before `apply` puts it in force. */
  planned(plan: RoutePlan): void;
  /** The manifest that was to come came to nothing. */
  forget(): void;
  /** The routes of a new manifest. */
  apply(plans: readonly RoutePlan[], settings: SpoolSettings, own: readonly DeliveryRoute[]): void;
  /** Begins to deliver. */
  /** `first` is done before anything is delivered, and may be done more than once. */
  start(first: () => Promise<void>): Promise<void>;
  /** Where a copy of the spool is made. */
  readonly copyPath: () => string;
}

interface RoutesOfPlan {
  readonly delivery: DeliveryRoute;
  readonly verify: VerifyRoute;
}

export interface DeliveriesDeps extends DeliveringDeps {
  readonly storage: Storage;
  readonly redis: RedisService | null;
  readonly redisSettings: RedisSettings | null;
  readonly bus: EventBus;
  readonly key: string | undefined;
  readonly dataDir: string;
  readonly onCommit: (ms: number, jobs: number) => void;
  readonly ask: AskUpstream;
  readonly version: string;
  readonly onVerified: ReportDeps["count"];
  readonly onUndone: ReportDeps["failed"];
  /** Hears what becomes of our own jobs, which is no event of the bus. */
  readonly onOwn: (event: OutriggerEvent) => void;
  readonly log: Pick<Log, "error" | "warn">;
}

export async function openDeliveries(deps: DeliveriesDeps, settings: SpoolSettings): Promise<Deliveries> {
  const { storage, clock, random, bus } = deps;
  const { history } = storage;
  let running: { readonly deliverer: Deliverer; readonly verifier: Verifier } | null = null;
  // Before there is one, nothing is held and nothing was read.
  const onBack = (): void => {
    running?.deliverer.unsure();
    running?.verifier.unsure();
  };
  const onLost = (ids: ReadonlySet<string>): void => running?.deliverer.lost(ids);
  const spool = await openSpool({ ...deps, onBack, onLost }, settings);
  // Where it can't be written down, it holds until the next start: `storage.failing` has said so.
  const pauses = createPauses(await history.loadPauses(), {
    save: (pause: StoredPause) => void history.savePause(pause).catch(() => undefined),
    remove: (app, capability) => void history.removePause(app, capability).catch(() => undefined),
  });
  const gone = await openGoneCounts(history);
  const emit = (event: OutriggerEvent): void => {
    if (eventApp(event) !== OWN_APP) return bus.emit(event);
    deps.onOwn(event);
    // The next of its order may go.
    if (event.type === "dlq.added") deliverer.wake(event.app, event.capability);
  };
  const verified = reportVerification({ bus, count: deps.onVerified, failed: deps.onUndone });
  const backoff = (retry: RetrySettings, n: number): number => backoffMs(retry, n, random);
  const verifier = createVerifier({
    spool,
    clock,
    random,
    emit: bus.emit,
    backoffMs: backoff,
    verified,
    freed: ({ app, capability }) => deliverer.wake(app, capability),
    lost: () => deliverer.unsure(),
  });
  const deliverer: Deliverer = createDeliverer({
    spool,
    clock,
    pauses,
    gone,
    emit,
    backoffMs: backoff,
    verifier,
    verified,
  });
  running = { deliverer, verifier };
  const queued = joinQueued(deliverer.queued);
  const unasked = (jobs: readonly JobSummary[]): void => {
    for (const job of jobs) if (job.state === "verifying") deps.onVerified(job, "unverified");
  };
  /** Others put into a shared spool, or left there what they can't deliver any more: nobody tells of it. */
  const found = (routes: readonly RouteSurvey[]): void => {
    for (const route of spool.shared ? routes : []) {
      if (route.first > 0) deliverer.queued({ ...route, sends: 0 });
      if (route.retry > 0) deliverer.queued({ ...route, sends: 1 });
      if (route.verifying > 0) verifier.begun(route, 0);
    }
  };
  const upkeep = createUpkeep({ spool, clock, emit, lapsed: unasked, found });
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
      queued(job);
      const { app, capability, origin } = job;
      const { id } = receipt;
      const requestId = job.requestId ?? id;
      bus.emit({ type: "delivery.queued", at: clock.wall(), app, capability, id, requestId, origin });
    } else if (receipt.kind === "full") upkeep.look();
    return receipt;
  };
  /**
   * Of the plans in force, and of those that come; of a plan that a reload kept they are what they were. Not by weak
   * references: at the end of each large collection V8 stops the process for all entries of such a map that die.
   */
  let made = new Map<RoutePlan, RoutesOfPlan>();
  const coming = new Map<RoutePlan, RoutesOfPlan>();
  const routesOf = (plan: RoutePlan): RoutesOfPlan =>
    made.get(plan) ??
    coming.get(plan) ?? {
      delivery: deliveryRoute(plan, deps),
      verify: verifyRoute(plan, laterRetry(plan.settings), deps),
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
    verifyCall: createVerifyCall({ spool, verifier, verified, clock, random }),
    unasked,
    later: (route) => laterOf(route, put, clock, withdraw),
    async putOwn(job) {
      const receipt = await spool.put(job);
      if (receipt.kind === "queued") deliverer.queued(job);
      return receipt;
    },
    planned(plan) {
      if (delivers(plan)) coming.set(plan, routesOf(plan));
    },
    forget: () => coming.clear(),
    apply(plans, next, ownRoutes) {
      spool.configure(boundsOf(next));
      const kept = new Map<RoutePlan, RoutesOfPlan>();
      for (const plan of plans) if (delivers(plan)) kept.set(plan, routesOf(plan));
      made = kept;
      coming.clear();
      const own = [...kept.values()];
      verifier.apply(
        own.map(({ verify }) => verify),
        next,
      );
      deliverer.apply([...own.map(({ delivery }) => delivery), ...ownRoutes], {
        concurrency: next.concurrency,
        perApp: next.perApp,
        batch: next.batch,
      });
    },
    async start(first) {
      const begin = async (): Promise<void> => {
        await first();
        await deliverer.start();
        await verifier.start();
        upkeep.start();
      };
      if (!spool.shared) return begin();
      // It may come later than the listeners, and the process says that it is not ready until then.
      startWhenReady(spool.ready, begin, deps);
    },
    copyPath: () => copyPath(deps.dataDir, clock.wall()),
    async [Symbol.asyncDispose]() {
      off();
      upkeep.stop();
      await Promise.all([deliverer.stop(), verifier.stop()]);
      spool.close();
    },
  };
}

const delivers = ({ ref }: RoutePlan): boolean => ref.mode !== "passthrough";

const BEGIN_AGAIN_MS = 1000;

/** Redis may go away again between two steps of a start: then it begins anew. */
function startWhenReady(ready: Promise<void>, begin: () => Promise<void>, { clock, log }: DeliveriesDeps): void {
  const attempt = (): void => {
    begin().catch(() => void clock.after(BEGIN_AGAIN_MS, attempt, undefined));
  };
  ready.then(attempt, (error: unknown) => log.error({ err: error }, "the spool on Redis can't be used"));
}
