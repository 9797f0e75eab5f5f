import { DeliveriesAway, type DeliveryService, type SpoolInfo, type SpoolRouteInfo } from "../admin/services.ts";
import type { Clock } from "../core/clock.ts";
import type { DlqAdded } from "../core/events.job.ts";
import type { EventBus } from "../core/events.ts";
import { type JobSummary, OWN_APP, type RouteName } from "../core/job.ts";
import type { Page } from "../core/stored.ts";
import type { DeliveryState } from "../proxy/deliveries.ts";
import type { Deliveries } from "./deliveries.ts";
import { parkingService } from "./parking.ts";
import { appsOnly, deadOf, waitingOf } from "./survey.ts";

/** What an operator sees and does of the asynchronous path. */

export interface DeliveryAdminDeps {
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly bus: EventBus;
  /** The routes of the running manifest. */
  readonly routes: () => readonly RouteName[];
  /** Takes the manifest's secrets out of a text: what an app said of a job may repeat how it was asked. */
  readonly mask: (text: string) => string;
}

/** So long a list is looked for; the storage thread does other things in between. */
const LOOK_MS = 300;

export function deliveryService({ deliveries, clock, bus, routes, mask }: DeliveryAdminDeps): DeliveryService {
  const { spool, deliverer, pauses } = deliveries;
  const hidden = <T extends { readonly detail: string | null }>(said: T): T =>
    said.detail === null ? said : { ...said, detail: mask(said.detail) };
  return {
    async list(query) {
      // A part of a large spool may hold nothing that matches: who asks gets a full page, or what was found in time.
      const until = clock.now() + LOOK_MS;
      const items: JobSummary[] = [];
      let { cursor } = query;
      do {
        const page: Page<JobSummary> = await asked(spool.list({ ...query, limit: query.limit - items.length, cursor }));
        items.push(...page.items.filter(notOwn).map(hidden));
        cursor = page.next;
      } while (cursor !== null && items.length < query.limit && clock.now() < until);
      return { items, next: cursor };
    },
    async find(id) {
      const job = await asked(spool.find(id));
      if (job === null || !notOwn(job)) return null;
      const poll = job.poll && { ...job.poll, last: job.poll.last && mask(job.poll.last) };
      return { ...hidden(job), tries: job.tries.map(hidden), poll };
    },
    async change(act, ids, by) {
      // Let go of first, so that one that is cancelled is not sent meanwhile.
      if (act === "cancel") deliverer.forget(new Set(ids));
      const changed = await asked(spool.change(act, ids));
      deliveries.unasked(changed);
      for (const job of changed) {
        const { id, app, capability, requestId } = job;
        // Its route may be known to nobody yet, as after an import: then it waits for its manifest.
        if (act === "retry" || act === "resend") deliverer.queued(job);
        deliverer.wake(app, capability);
        if (act === "cancel" && job.origin !== "sync") bus.emit(cancelled(job, clock.wall()));
        if (act === "retry") bus.emit({ type: "dlq.retried", at: clock.wall(), app, capability, id, requestId, by });
      }
      return changed.map(hidden);
    },
    async import(job) {
      const { id, app, capability, requestId, request, body, at, orderKey, sends, tries, inDoubt, reason, detail } =
        job;
      if (request === null || body === null) return false;
      const receipt = await asked(
        deliveries.put({
          app,
          capability,
          requestId: requestId === id ? null : requestId,
          request,
          body,
          maxAgeMs: Math.max(0, job.expiresAt - at),
          orderKey,
          key: null,
          origin: "import",
          sends,
          tries,
          inDoubt,
          at,
          dead: { id, reason: reason ?? "cancelled", detail },
        }),
      );
      if (receipt.kind === "full") throw new DeliveriesAway(`the spool is full (max_${receipt.bound})`);
      return receipt.kind === "queued";
    },
    survey: () => asked(survey(deliveries, routes())),
    ...parkingService({ pauses, deliverer, clock, routes }),
    async backup() {
      if (spool.backup === null) return null;
      const path = deliveries.copyPath();
      await asked(spool.backup(path));
      return path;
    },
  };
}

/** It is in the dead-letter queue now, as one that its app would not have. `job` is as it was before. */
function cancelled({ id, app, capability, requestId, sends }: JobSummary, at: number): DlqAdded {
  return {
    type: "dlq.added",
    at,
    app,
    capability,
    id,
    requestId,
    reason: "cancelled",
    detail: "by an operator",
    sends,
  };
}

/** For callers: where it is, and whether its route waits for something. */
export async function findDelivery({ spool, deliverer }: Deliveries, id: string): Promise<DeliveryState | null> {
  const job = await spool.find(id);
  if (job === null || !notOwn(job)) return null;
  // While the breaker tries this very one, its route waits, but it does not.
  const parked = deliverer.parked(job.app, job.capability) !== null && !deliverer.isOut(id);
  return { ...job, parked };
}

const notOwn = ({ app }: RouteName): boolean => app !== OWN_APP;

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new DeliveriesAway(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** `known`: the routes of the manifest. One that is paused is shown though it never had a job. */
async function survey({ spool, deliverer, pauses }: Deliveries, known: readonly RouteName[]): Promise<SpoolInfo> {
  const { routes, ...rest } = await appsOnly(spool.survey());
  const shown = routes.map((route): SpoolRouteInfo => {
    const { app, capability, leased, verifying } = route;
    const parked = deliverer.parked(app, capability);
    const by = pauses.of(app, capability)?.by ?? null;
    return {
      app,
      capability,
      queued: waitingOf(route),
      leased,
      verifying,
      dead: deadOf(route),
      parked: parked && { ...parked, by },
    };
  });
  const met = new Set(routes.map(({ app, capability }) => `${app}/${capability}`));
  for (const { app, capability } of known) {
    const pause = pauses.of(app, capability);
    if (pause === null || met.has(`${app}/${capability}`)) continue;
    const { cause, at: since, by } = pause;
    shown.push({ app, capability, queued: 0, leased: 0, verifying: 0, dead: 0, parked: { cause, since, by } });
  }
  return {
    ...rest,
    routes: shown.filter((one) => one.parked || one.queued + one.leased + one.verifying + one.dead > 0),
  };
}
