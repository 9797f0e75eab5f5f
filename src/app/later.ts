import type { Clock } from "../core/clock.ts";
import type { Exchange } from "../core/exchange.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import { type Later, leavesDoubt } from "../policy/fallback/later.ts";
import { storedRequest, triesOf } from "../proxy/delivery.ts";
import type { NewJob, Receipt } from "../spool/port.ts";

/** Of a route's settings, what is needed to leave one of its requests behind. */
export type LaterRoute = Pick<RouteSettings, "capability"> & {
  readonly app: Pick<RouteSettings["app"], "name">;
  readonly retry: Pick<RouteSettings["retry"], "maxAgeMs">;
};

/** What a synchronous call leaves behind: it keeps its id, and its tries count on. */
export function laterOf(
  route: LaterRoute,
  put: (job: NewJob) => Promise<Receipt>,
  clock: Clock,
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
