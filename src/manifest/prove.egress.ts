import { isIP } from "node:net";
import { type EgressRule, egressRules } from "../core/egress.ts";
import type { AppSettings } from "../core/settings.ts";
import type { Report } from "./problem.ts";
import { placesOf } from "./prove.app.ts";
import { dialled } from "./prove.notify.ts";
import type { Resolved } from "./resolve.ts";

/**
 * What is named by its address can be looked at now; what has a name is looked at whenever it is dialled. A manifest
 * whose requests could only be refused is refused itself, with the words that each of them would get.
 */
export function proveEgress(all: Resolved, report: Report): void {
  if (all.main.tainted(["egress"])) return;
  const ruleOf = egressRules(all.manifest.egress);
  proveUpstreams(all, ruleOf, report);
  if (!all.main.tainted(["notify"])) proveChannels(all, ruleOf(null), report);
}

function proveUpstreams(
  { apps, routes }: Resolved,
  ruleOf: (network: AppSettings["network"]) => EgressRule,
  report: Report,
): void {
  const byApp = Map.groupBy(routes, (route) => route.app);
  for (const app of apps) {
    const { document, settings } = app;
    if (document.tainted([...app.path, "network"])) continue;
    const rule = ruleOf(settings.network);
    for (const { upstream, path } of placesOf(app, byApp.get(app) ?? [])) {
      const why = isIP(upstream.hostname) === 0 ? null : rule.refusal(upstream.hostname);
      if (why !== null) report.error(document.place(path, "value"), path, why);
    }
  }
}

function proveChannels({ main, manifest: { notify } }: Resolved, rule: EgressRule, report: Report): void {
  for (const channel of notify.channels) {
    if (channel.type !== "http") continue;
    const { hostname } = dialled(channel.url);
    const why = isIP(hostname) === 0 ? null : rule.refusal(hostname);
    const path = ["notify", "channels", channel.name, "url"];
    if (why !== null) report.error(main.place(path, "value"), path, why);
  }
}
