import { ALERT_METRICS, type AlertMetricInfo, type AlertRule } from "../core/alert.ts";
import type { Manifest } from "../core/settings.ts";
import type { Report } from "./problem.ts";
import { resolveAlertRule } from "./resolve.alerts.ts";
import type { Resolved } from "./resolve.ts";
import { alertRules } from "./schema.alerts.ts";
import { formatDuration } from "./units.ts";
import { type Issue, validate } from "./validate.ts";

/** What rules of alerts promise: that each can be judged, and that whom it names exists. */

/** What rules are proved against. */
export type AlertContext = Pick<Manifest, "apps" | "routes" | "history">;

export function proveAlerts({ main, manifest }: Resolved, report: Report): void {
  // A rule that the schema cut out would move those after it.
  if (main.tainted(["alerts"]) || main.value.alerts?.rules === undefined) return;
  const named = main.tainted(["apps"]) || main.tainted(["include"]) ? null : manifest;
  for (const { path, about, message } of wrongRules(manifest.alerts.rules, named, manifest.history.retainMs)) {
    const at = ["alerts", "rules", ...path];
    report.error(main.place(at, about), at, message);
  }
  for (const [i, rule] of manifest.alerts.rules.entries()) {
    for (const [path, message] of idleKeys(rule)) {
      const at = ["alerts", "rules", i, ...path];
      report.warn(main.place(at), at, message);
    }
  }
}

/**
 * Reads rules from outside the manifest, as parsed JSON in the form of `alerts.rules`, by the same schema and proofs.
 * Paths of issues begin at the list. Without a manifest the names in them may be any.
 */
export function readAlertRules(
  written: unknown,
  manifest: AlertContext | null,
): { readonly rules: readonly AlertRule[]; readonly issues: readonly Issue[] } {
  const { value, issues } = validate(alertRules, structuredClone(written));
  if (value === null || issues.length > 0) return { rules: [], issues };
  const rules = value.map(resolveAlertRule);
  const retainMs = manifest?.history.retainMs ?? Number.POSITIVE_INFINITY;
  return { rules, issues: [...twice(rules), ...wrongRules(rules, manifest, retainMs)] };
}

/** Of the manifest's own rules another proof says this. */
function twice(rules: readonly AlertRule[]): Issue[] {
  const names = rules.map((rule) => rule.name);
  return names.flatMap((name, i) =>
    names.indexOf(name) === i ? [] : [{ path: [i, "name"], about: "value", message: `a second one named ${name}` }],
  );
}

function wrongRules(
  rules: readonly AlertRule[],
  named: Pick<Manifest, "apps" | "routes"> | null,
  retainMs: number,
): Issue[] {
  const apps = new Set(named?.apps.map((app) => app.name));
  const capabilities = new Set(named?.routes.map((route) => route.capability));
  const unknown = (what: string, known: ReadonlySet<string>, names: readonly string[] | null): Found[] =>
    (names ?? []).flatMap((name, i): Found[] => {
      const key = what === "app" ? "apps" : "capabilities";
      return known.has(name) ? [] : [[[key, i], `there is no ${what} ${name}; known: ${namesText(known)}`]];
    });
  return rules.flatMap((rule, i) => {
    const found = [
      ...wrongBounds(rule),
      ...wrongSpan(rule, retainMs),
      ...wrongLimits(rule),
      ...(named === null ? [] : unknown("app", apps, rule.apps)),
      ...(named === null ? [] : unknown("capability", capabilities, rule.capabilities)),
    ];
    return found.map(([path, message]): Issue => ({ path: [i, ...path], about: "value", message }));
  });
}

type Found = readonly [path: readonly PropertyKey[], message: string];

function namesText(names: ReadonlySet<string>): string {
  const first = [...names].slice(0, 20);
  return first.length === 0 ? "none" : `${first.join(", ")}${names.size > first.length ? ", …" : ""}`;
}

function wrongBounds({ metric, below, above }: AlertRule): Found[] {
  const { unit, any }: AlertMetricInfo = ALERT_METRICS[metric];
  if (below === null && above === null)
    return any ? [] : [[["metric"], `${metric} needs a bound: below or above, or both`]];
  const found: Found[] = [];
  for (const [key, bound] of Object.entries({ below, above })) {
    if (bound === null) continue;
    if (unit === "percent" && (bound < 0 || bound > 100)) found.push([[key], `a percentage is from 0 to 100`]);
    else if (bound < 0) found.push([[key], `${metric} is never below 0`]);
  }
  if (below !== null && above !== null && below > above)
    found.push([["below"], `below ${below} and above ${above}: every value would be trouble`]);
  return found;
}

function wrongSpan({ metric, overMs }: AlertRule, retainMs: number): Found[] {
  if (!ALERT_METRICS[metric].over || overMs === null || overMs <= retainMs) return [];
  return [[["over"], `history.retain keeps ${formatDuration(retainMs)} only`]];
}

/** What is written and changes nothing. */
function idleKeys({ metric, overMs, minSamples }: AlertRule): Found[] {
  const { over, sampled }: AlertMetricInfo = ALERT_METRICS[metric];
  const found: Found[] = [];
  if (!over && overMs !== null)
    found.push([["over"], `${metric} is what is so now, not over a time; for says how long it must hold`]);
  if (!sampled && minSamples > 0)
    found.push([["min_samples"], `${metric} is no number of calls: this changes nothing`]);
  return found;
}

function wrongLimits({ metric, apps, capabilities }: AlertRule): Found[] {
  const { scope }: AlertMetricInfo = ALERT_METRICS[metric];
  const found: Found[] = [];
  if (apps !== null && metric === "spool_age")
    found.push([["apps"], "spool_age is that of the whole spool, of no single app"]);
  if (capabilities !== null && (scope === "app" || scope === "upstream" || metric === "spool_age"))
    found.push([["capabilities"], `${metric} is about no single route: limit it by apps`]);
  return found;
}
