import type { EventType } from "../core/events.ts";
import type { NotifySettings } from "../core/settings.service.ts";

/** Says which channels hear of an event, each once, in the order of the rules. A rule for apps hears only of these. */
export type Hearers = (type: EventType, app: string | null) => readonly string[];

const NOBODY: readonly string[] = [];

/** The word of a rule that stands for several events. */
const ALERTS: readonly EventType[] = ["alert.firing", "alert.resolved"];

/** Sorts the rules by event, so that the many events nobody asked for cost one look. */
export function compileRules(routes: NotifySettings["routes"]): Hearers {
  const byEvent = new Map<string, { readonly apps: ReadonlySet<string> | null; readonly to: readonly string[] }[]>();
  for (const { on, apps, to } of routes) {
    const rule = { apps: apps === null ? null : new Set(apps), to };
    const types = on.flatMap((name): readonly string[] => (name === "alert" ? ALERTS : [name]));
    for (const type of new Set(types)) {
      const known = byEvent.get(type);
      if (known === undefined) byEvent.set(type, [rule]);
      else known.push(rule);
    }
  }
  return (type, app) => {
    const rules = byEvent.get(type);
    if (rules === undefined) return NOBODY;
    const suited = rules.filter(({ apps }) => apps === null || (app !== null && apps.has(app)));
    return [...new Set(suited.flatMap(({ to }) => to))];
  };
}
