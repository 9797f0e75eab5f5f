import type { DeliveryService, Parking } from "../admin/services.ts";
import type { Clock } from "../core/clock.ts";
import type { RouteName } from "../core/job.ts";
import type { Deliverer } from "../spool/deliverer.ts";
import type { Pauses } from "../spool/pauses.ts";

export interface ParkingDeps {
  readonly pauses: Pauses;
  readonly deliverer: Pick<Deliverer, "wake">;
  readonly clock: Clock;
  /** The routes of the running manifest. */
  readonly routes: () => readonly RouteName[];
}

/** How an operator lets deliveries wait, and go on. */
export function parkingService({
  pauses,
  deliverer,
  clock,
  routes,
}: ParkingDeps): Pick<DeliveryService, "pause" | "resume"> {
  const known = (app: string, capability: string | null): boolean =>
    routes().some((route) => route.app === app && (capability === null || route.capability === capability));
  const parking = (app: string, capability: string | null): Parking => {
    const appPaused = pauses.ofApp(app) !== null;
    return { paused: capability === null ? appPaused : pauses.of(app, capability) !== null, appPaused };
  };
  return {
    pause(app, capability, by) {
      if (!known(app, capability)) return null;
      pauses.set({ app, capability, cause: "paused", by, at: clock.wall() });
      deliverer.wake(app, capability);
      return parking(app, capability);
    },
    resume(app, capability, _by) {
      const ended = pauses.end(app, capability);
      // An app goes on as a whole: also what 410 answers had parked. What an operator paused by itself stays so.
      for (const route of capability === null ? routes() : []) {
        if (route.app === app && pauses.of(app, route.capability)?.cause === "gone") pauses.end(app, route.capability);
      }
      deliverer.wake(app, capability);
      return ended || known(app, capability) ? parking(app, capability) : null;
    },
  };
}
