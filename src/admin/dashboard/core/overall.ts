import type { Incident } from "./incidents.ts";
import { to, toWith } from "./router.ts";

/** Whether all is well, as the service itself judges: `/webhook-health`. */
export interface Overall {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly reasons: readonly OverallReason[];
  readonly reasons_total: number;
}

interface OverallReason {
  readonly code: string;
  readonly severity: "degraded" | "unhealthy";
  readonly app: string | null;
  readonly capability: string | null;
  readonly message: string;
}

/** Those the page finds by itself, with more to say about them. */
const KNOWN: ReadonlySet<string> = new Set([
  "app_unhealthy",
  "app_degraded",
  "breaker_open",
  "spool_full",
  "spool_away",
  "route_gone",
  "route_parked",
  "manifest_rejected",
  "alert_firing",
]);

const TITLES: Readonly<Record<string, string>> = {
  low_success: "Too few good answers",
  dlq_growing: "Dead letters are growing",
  storage_failing: "A store fails",
  redis_away: "Redis does not answer",
};

/** What else is wrong. */
export function furtherOf({ reasons }: Overall): Incident[] {
  return reasons
    .filter(({ code }) => !KNOWN.has(code))
    .map(({ code, severity, app, capability, message }) => {
      const name = app === null ? "" : `${app}${capability === null ? "" : `/${capability}`}: `;
      const title = TITLES[code] ?? code.replaceAll("_", " ");
      return {
        key: `${code} ${app} ${capability}`,
        level: severity === "unhealthy" ? "bad" : "warn",
        title: name === "" ? title : name + title.charAt(0).toLowerCase() + title.slice(1),
        detail: message,
        since: null,
        ...whereTo(code, app, capability),
      };
    });
}

function whereTo(code: string, app: string | null, capability: string | null): Pick<Incident, "href" | "act"> {
  if (code === "dlq_growing")
    return { href: toWith(["dlq"], { app: app ?? "", capability: capability ?? "" }), act: "Look and retry" };
  if (app === null) return { href: to("audit"), act: "" };
  if (capability === null) return { href: to("apps", app), act: "Look at the app" };
  return { href: to("routes", app, capability), act: "Look at the route" };
}
