import { amount, count, duration, percent } from "./format.ts";
import type { Incident } from "./incidents.ts";
import { to } from "./router.ts";

/** Alerts, their rules, and what people were told: `/alerts` and `/notifications`. */

export interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly metric: string;
  readonly state: "pending" | "firing" | "resolved";
  readonly app: string | null;
  readonly capability: string | null;
  readonly upstream: string | null;
  readonly value: number;
  readonly threshold: number;
  readonly unit: "percent" | "ms" | "count";
  readonly summary: string;
  readonly since: string;
  readonly resolved_at: string | null;
  readonly cause: string | null;
  readonly silence: { readonly until: string; readonly by: string; readonly reason: string | null } | null;
}

export interface AlertRules {
  readonly source: "manifest" | "api";
  readonly set_by: string | null;
  readonly interval: string;
  readonly rules: readonly (Readonly<Record<string, unknown>> & { readonly name: string; readonly metric: string })[];
}

export interface Notification {
  readonly id: string;
  readonly at: string;
  readonly type: string;
  readonly severity: string;
  readonly app: string | null;
  readonly capability: string | null;
  readonly room: string | null;
  readonly title: string;
  readonly text: string;
  readonly command: string | null;
  readonly read_at: string | null;
  readonly read_by: string | null;
  readonly deliveries: readonly {
    readonly channel: string;
    readonly state: "waiting" | "sent" | "failed" | "dropped";
    readonly attempts: number;
    readonly detail: string | null;
    readonly at: string;
  }[];
}

export function measured(value: number, unit: Alert["unit"]): string {
  if (unit === "percent") return percent(value);
  return unit === "ms" ? duration(value) : count(value);
}

/** The page of what an alert is about; null for the service as a whole. */
export function subjectHref({ app, capability }: Pick<Alert, "app" | "capability">): string | null {
  if (app === null) return null;
  return capability === null ? to("apps", app) : to("routes", app, capability);
}

export function subjectText({ app, capability, upstream }: Alert): string {
  return [app, capability, upstream].filter((part) => part !== null).join("/") || "the service";
}

/** Those that fire and are not silenced, as one thing to look at. */
export function firingOf(alerts: readonly Alert[]): Incident[] {
  const loud = alerts.filter(({ state, silence }) => state === "firing" && silence === null);
  const [first] = loud;
  if (first === undefined) return [];
  return [
    {
      key: "alerts",
      level: "warn",
      title: `${amount(loud.length, "alert fires", "alerts fire")}`,
      detail: first.summary + (loud.length > 1 ? `; and ${amount(loud.length - 1, "other", "others")}.` : ""),
      since: loud.map(({ since }) => since).sort()[0] ?? null,
      href: to("alerts"),
      act: "Look at the alerts",
    },
  ];
}
