import type { RouteName } from "../core/job.ts";
import type { Count, Family, LabelValues } from "./metrics.family.ts";

/** What may become of a job, as the counter says it. */
export type DeliveryResult = "queued" | "delivered" | "retry" | "dead";

type Counts = Partial<Record<DeliveryResult, Count>>;

/** The delivery counters of each route, looked up once: a job passes two of them, and a text of labels costs more than both. */
export interface DeliveryCounts {
  count(route: RouteName, result: DeliveryResult): void;
  /** The family has dropped series: all are looked up anew. */
  forget(): void;
}

/** `allow`: which labels may be. */
export function createDeliveryCounts(family: Family<Count>, allow: (labels: LabelValues) => boolean): DeliveryCounts {
  const apps = new Map<string, Map<string, Counts>>();
  const find = ({ app, capability }: RouteName): Counts | null => {
    const known = apps.get(app)?.get(capability);
    if (known !== undefined) return known;
    // Of a route that is no longer in the manifest: those names have no bound, and are not kept.
    if (!allow({ app, capability })) return null;
    const own: Counts = {};
    const routes = apps.get(app) ?? new Map<string, Counts>();
    apps.set(app, routes.set(capability, own));
    return own;
  };
  return {
    count(route, result) {
      const own = find(route);
      if (own === null) return;
      own[result] ??= family.child({ app: route.app, capability: route.capability, result });
      own[result].value++;
    },
    forget: () => apps.clear(),
  };
}
