import type { Report } from "./problem.ts";
import { proveApps } from "./prove.app.ts";
import { proveEgress } from "./prove.egress.ts";
import { proveMatches } from "./prove.match.ts";
import { proveRoutes } from "./prove.route.ts";
import { proveService } from "./prove.service.ts";
import type { Resolved } from "./resolve.ts";

/** Refuses promises that cannot hold, with the arithmetic, and warns of what is unwise. */
export function prove(all: Resolved, report: Report): void {
  proveService(all, report);
  proveApps(all, report);
  proveEgress(all, report);
  proveRoutes(all, report);
  proveMatches(all.routes, report);
}
