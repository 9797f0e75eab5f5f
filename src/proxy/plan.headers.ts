import { withDashes } from "../core/header.names.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import { OUR_HEADERS } from "./outgoing.ts";
import type { RoutePlan } from "./plan.ts";
import { guard, headersRead } from "./wire.route.ts";

/** What a plan has by names of headers. */
type HeaderPlan = Pick<RoutePlan, "drop" | "guarded" | "keyHeaders">;

/**
 * `read`: names by which `inbound` decides. `signed`: those that the signature of a try takes. Both in lower case.
 */
export type PlanHeaders = (route: RouteSettings, read: readonly string[], signed: readonly string[]) => HeaderPlan;

/** For the routes of one manifest. Most are alike in this, and a set is larger than all else of a plan: they share it. */
export function createPlanHeaders(): PlanHeaders {
  const known = new Map<string, HeaderPlan>();
  return (route, read, signed) => {
    const { headers, idempotency } = route;
    const set = headers.set.map(([name]) => name.toLowerCase());
    const decidedBy = [...read, ...headersRead(route)];
    const key = JSON.stringify([headers.remove, set, decidedBy, signed, idempotency?.header]);
    let made = known.get(key);
    if (made === undefined) {
      made = {
        drop: new Set([...OUR_HEADERS, ...signed, ...[...headers.remove, ...set].map(withDashes)]),
        guarded: guard(decidedBy, [...set, ...signed]),
        keyHeaders: new Set(["idempotency-key", "webhook-id", ...(idempotency ? [idempotency.header] : [])]),
      };
      known.set(key, made);
    }
    return made;
  };
}
