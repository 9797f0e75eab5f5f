import type { Level } from "../parts/status.ts";
import { amount, count } from "./format.ts";
import { type AppHealth, NOBODY_CALLED, type RouteBreakers, troubleOf } from "./health.ts";
import { to, toWith } from "./router.ts";
import type { Spool, Status, Waiting } from "./status.ts";

/** Something an operator should look at: what, since when, and where to act. */
export interface Incident {
  readonly key: string;
  readonly level: Level;
  readonly title: string;
  readonly detail: string;
  readonly since: string | null;
  readonly href: string;
  /** What one does there. */
  readonly act: string;
}

type Found = Omit<Incident, "since"> & { readonly since?: string };

const RANK: Readonly<Record<Level, number>> = { bad: 0, warn: 1, idle: 2, good: 3 };

/** All of them, the worst first; `further` is what others found. */
export function incidentsOf(found: {
  readonly status: Status | null;
  readonly apps: readonly AppHealth[];
  readonly breakers: readonly RouteBreakers[];
  readonly further: readonly Incident[];
}): Incident[] {
  const { status, apps, breakers, further } = found;
  // Said once: that they are growing says that there are some.
  const growing = further.some(({ key }) => key.startsWith("dlq_growing"));
  const service = (status ? ofService(status) : []).filter(({ key }) => key !== "dead" || !growing);
  // One that is due for its trial keeps no call away.
  const open = breakers.filter(({ upstreams }) => upstreams.some((one) => one.state === "open" && !one.trial_due));
  return [...apps.map(ofApp), ...open.map(ofBreaker), ...further, ...service].sort(
    (a, b) => RANK[a.level] - RANK[b.level],
  );
}

function ofApp(app: AppHealth): Incident {
  const worst = app.upstreams.filter(({ standing }) => standing !== "serving").map(({ since }) => since);
  return {
    key: `app ${app.app}`,
    level: app.status === "unhealthy" ? "bad" : "warn",
    title: `${app.app} is ${app.status}`,
    detail: troubleOf(app),
    since: worst.sort()[0] ?? null,
    href: to("apps", app.app),
    act: app.upstreams.length > 1 ? "Look at its upstreams" : "Look at the app",
  };
}

function ofBreaker({ app, capability, open, upstreams }: RouteBreakers): Incident {
  const opened = upstreams.filter(({ state }) => state !== "closed");
  return {
    key: `breaker ${app}/${capability}`,
    level: open ? "bad" : "warn",
    title: `${app}/${capability}: breaker open`,
    detail: open
      ? `Nobody is called: ${NOBODY_CALLED}.`
      : `Open for ${opened.map(({ upstream }) => upstream).join(", ")}; other upstreams are called.`,
    since: opened.map(({ since }) => since).sort()[0] ?? null,
    href: to("routes", app, capability),
    act: "Look at the route",
  };
}

function ofService(status: Status): Incident[] {
  const found: Incident[] = [];
  const add = (incident: Found): void => void found.push({ since: null, ...incident });
  if (!status.ready)
    add({ key: "ready", level: "bad", title: "Not ready", detail: status.reasons.join("; "), href: "#/", act: "" });
  if (status.rejected)
    add({
      key: "manifest",
      level: "warn",
      title: "The last manifest was refused",
      detail: `${amount(status.rejected.count, "problem", "problems")}; revision ${status.manifest.revision} stays in force.`,
      since: status.rejected.at,
      href: to("manifest"),
      act: "See the problems",
    });
  if (status.spool === null)
    add({
      key: "spool",
      level: "bad",
      title: "The spool does not answer",
      detail: "New deliveries are answered 503; what was accepted is kept.",
      href: to("deliveries"),
      act: "",
    });
  if (status.spool) for (const one of ofSpool(status.spool)) add(one);
  return found;
}

function ofSpool(spool: Spool): Found[] {
  const { states, full, waiting } = spool;
  const found: Found[] = [];
  if (full !== null)
    found.push({
      key: "full",
      level: "bad",
      title: "The spool is full",
      detail: `It has as many ${full} as it may; new deliveries are answered 503.`,
      href: to("dlq"),
      act: "Make room",
    });
  if (states.dead > 0)
    found.push({
      key: "dead",
      // Old ones may lie here for long: nothing gets worse by them.
      level: "idle",
      title: `${amount(states.dead, "dead letter", "dead letters")}`,
      detail: deadText(waiting),
      href: to("dlq"),
      act: "Look and retry",
    });
  for (const { app, capability, parked, queued } of waiting) {
    if (parked === null || parked.cause === "breaker_open") continue;
    found.push({
      key: `parked ${app}/${capability}`,
      level: "warn",
      title: `${app}/${capability} waits`,
      detail: `${parkText(parked.cause, parked.by)}; ${amount(queued, "delivery waits", "deliveries wait")}.`,
      since: parked.since,
      href: toWith(["deliveries"], { app, capability, state: "queued" }),
      act: "Look at what waits",
    });
  }
  return found;
}

function deadText(waiting: readonly Waiting[]): string {
  const worst = [...waiting].filter(({ dead }) => dead > 0).sort((a, b) => b.dead - a.dead);
  const named = worst.slice(0, 3).map(({ app, capability, dead }) => `${count(dead)} of ${app}/${capability}`);
  return `${named.join(", ")}${worst.length > 3 ? ` and of ${amount(worst.length - 3, "other route", "other routes")}` : ""}.`;
}

export function parkText(cause: string, by: string | null): string {
  if (cause === "paused") return `Paused by ${by ?? "an operator"}`;
  if (cause === "gone") return "The app answered 410 Gone three times";
  if (cause === "no_route") return "No manifest has this route any more";
  return "Its breakers are open";
}
