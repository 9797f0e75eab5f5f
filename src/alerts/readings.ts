import type { AlertRule } from "../core/alert.ts";
import type { RouteName } from "../core/job.ts";
import type { AlertSources, BreakerReading, CallReading, Gather, Reading, SpoolReading } from "./port.ts";

/**
 * What the rules measure, out of the sources. For one check: each source is asked once for each span of time, however
 * many rules and routes there are.
 */
export function createGather(sources: AlertSources, now: number): Gather {
  const asked = new Map<string, Promise<unknown>>();
  const once = <T>(what: string, ask: () => Promise<T>): Promise<T> => {
    const answer = asked.get(what) ?? ask();
    asked.set(what, answer);
    return answer as Promise<T>;
  };
  const read = async (rule: AlertRule): Promise<readonly Reading[]> => {
    const from = now - (rule.overMs ?? 0);
    switch (rule.metric) {
      case "breaker_open":
        return breakersOpen(rule, sources, now);
      case "health_failures":
        return healthFailures(rule, sources);
      case "dlq_size":
      case "spool_jobs":
        return jobs(rule, await once("spool", sources.spool), sources);
      case "spool_age":
        return [{ ...NOTHING, value: (await once("spool", sources.spool)).oldestAgeMs ?? 0 }];
      case "failover":
        return failovers(rule, await once(`moves ${from}`, () => sources.moves(from)), sources);
      case "verification_failures":
        return verifications(rule, await once(`verified ${from}`, () => sources.verifications(from)), sources);
      default:
        return calls(rule, await once(`calls ${from}`, () => sources.calls(from, now)), sources);
    }
  };
  return (rule) => read(rule).catch(() => null);
}

/** A reading of nothing in particular. */
const NOTHING: Reading = {
  app: null,
  capability: null,
  upstream: null,
  value: null,
  samples: 0,
  since: null,
  note: null,
};

const keyOf = ({ app, capability }: RouteName): string => `${app}/${capability}`;

/** The routes of the running manifest that the rule is about. */
function routesOf({ apps, capabilities }: AlertRule, sources: AlertSources): readonly RouteName[] {
  return sources
    .routes()
    .filter(({ app, capability }) => (apps?.includes(app) ?? true) && (capabilities?.includes(capability) ?? true));
}

/** One for each route of the rule; `read` is given what was found of it. */
function byRoute<T extends RouteName>(
  rule: AlertRule,
  found: readonly T[],
  sources: AlertSources,
  read: (one: T | undefined) => Partial<Reading>,
): Reading[] {
  const known = new Map(found.map((one) => [keyOf(one), one]));
  return routesOf(rule, sources).map((route) => {
    const { app, capability } = route;
    return { ...NOTHING, app, capability, ...read(known.get(keyOf(route))) };
  });
}

function calls(rule: AlertRule, found: readonly CallReading[], sources: AlertSources): Reading[] {
  const value = (one: CallReading): number | null => {
    switch (rule.metric) {
      case "success_rate":
        return one.successRate;
      case "timeout_rate":
        return one.timeoutRate;
      case "p50":
      case "p95":
      case "p99":
        return one[rule.metric];
      default:
        return null;
    }
  };
  return byRoute(rule, found, sources, (one) => (one === undefined ? {} : { value: value(one), samples: one.samples }));
}

function verifications(
  rule: AlertRule,
  found: Awaited<ReturnType<AlertSources["verifications"]>>,
  sources: AlertSources,
): Reading[] {
  return byRoute(rule, found, sources, (one) => {
    if (one === undefined) return { value: 0 };
    const value = one.failed + one.unverified;
    return { value, samples: one.verified + value };
  });
}

/** Longer than a trial that is due is waited for, however long the breaker was open before. */
const IDLE_MAX_MS = 300_000;

/**
 * Its trial is due for as long again as it was open, and no call came: it keeps nobody away, and nothing is known of its
 * app. A shorter wait says nothing, or an alert of an app that is called seldom would end and begin with each trial.
 */
function isIdle({ state, since, until }: BreakerReading, now: number): boolean {
  return state === "open" && until !== null && now - until >= Math.min(until - since, IDLE_MAX_MS);
}

function breakersOpen(rule: AlertRule, sources: AlertSources, now: number): Reading[] {
  const open = new Map<string, RouteName & { readonly cells: BreakerReading[] }>();
  for (const cell of sources.breakers()) {
    if (cell.state === "closed" || cell.dryRun || isIdle(cell, now)) continue;
    const { app, capability } = cell;
    const own = open.get(keyOf(cell)) ?? { app, capability, cells: [] };
    own.cells.push(cell);
    open.set(keyOf(cell), own);
  }
  return byRoute(rule, [...open.values()], sources, (one) => {
    if (one === undefined) return { value: 0 };
    // One that reopened, or is half-open, is not closed since an earlier moment than it tells.
    const known = one.cells.every(({ state, reopenings }) => state === "open" && reopenings === 0);
    return {
      value: one.cells.length,
      since: known ? Math.min(...one.cells.map(({ since }) => since)) : null,
      note: `on ${one.cells.map(({ upstream }) => upstream).join(", ")}`,
    };
  });
}

function healthFailures({ apps }: AlertRule, sources: AlertSources): Reading[] {
  return sources
    .apps()
    .filter(({ app }) => apps?.includes(app) ?? true)
    .flatMap(({ app, upstreams }) =>
      upstreams.map(({ upstream, consecutiveFailures }) => ({ ...NOTHING, app, upstream, value: consecutiveFailures })),
    );
}

function failovers(
  { apps }: AlertRule,
  moves: Awaited<ReturnType<AlertSources["moves"]>>,
  sources: AlertSources,
): Reading[] {
  const byApp = new Map<string, { value: number; note: string }>();
  for (const { app, note } of moves) {
    const own = byApp.get(app);
    if (own === undefined) byApp.set(app, { value: 1, note: `last ${note}` });
    else own.value++;
  }
  return sources
    .apps()
    .filter(({ app }) => apps?.includes(app) ?? true)
    .map(({ app }) => ({ ...NOTHING, app, ...(byApp.get(app) ?? { value: 0 }) }));
}

/**
 * Jobs of the whole spool; of each app where the rule names apps, and of each route where it names capabilities.
 */
function jobs(rule: AlertRule, spool: SpoolReading, sources: AlertSources): Reading[] {
  const count = (one: SpoolReading["routes"][number]): number => (rule.metric === "dlq_size" ? one.dead : one.waiting);
  if (rule.capabilities !== null)
    return byRoute(rule, spool.routes, sources, (one) => ({ value: one === undefined ? 0 : count(one) }));
  const summed = (app: string | null): Reading => {
    const routes = spool.routes.filter((one) => (app === null || one.app === app) && count(one) > 0);
    const [most] = routes.toSorted((a, b) => count(b) - count(a));
    const value = routes.reduce((sum, one) => sum + count(one), 0);
    const note = most === undefined ? null : `most of ${keyOf(most)}: ${count(most)}`;
    return { ...NOTHING, app, value, note: routes.length > 1 ? note : (note?.replace("most", "all") ?? null) };
  };
  if (rule.apps === null) return [summed(null)];
  const named = new Set(sources.routes().map(({ app }) => app));
  return rule.apps.filter((app) => named.has(app)).map(summed);
}
