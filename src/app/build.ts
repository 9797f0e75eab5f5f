import type { Clock } from "../core/clock.ts";
import { type EgressRule, egressRules } from "../core/egress.ts";
import type { Result } from "../core/result.ts";
import type { RouteSettings } from "../core/settings.route.ts";
import type { AppSettings } from "../core/settings.ts";
import { createClassifiers } from "../policy/classify.ts";
import { createPlanHeaders } from "../proxy/plan.headers.ts";
import type { RoutePlan } from "../proxy/plan.ts";
import { type Compiled, type CompiledApp, compileApp, compileRoute, staysApp } from "./compile.ts";
import { createPlan, keepPlan, type PlanDeps } from "./plans.ts";
import type { Unpacked } from "./unpack.ts";

/** From a manifest to the plans of its routes. */

/** What was made of one manifest, to be kept by the next as far as that says the same. */
export interface Built {
  readonly plans: readonly RoutePlan[];
  readonly apps: ReadonlyMap<AppSettings, CompiledApp>;
  readonly compiled: ReadonlyMap<RouteSettings, { readonly compiled: Compiled; readonly plan: RoutePlan }>;
}

export interface BuildDeps extends PlanDeps {
  readonly clock: Clock;
  /** Lets those have a turn who wait for the event loop. */
  readonly turn: () => Promise<void>;
}

/** Routes that are planned in one turn at most. */
export const AT_ONCE = 128;
/** A call takes several turns of the loop, so what it waits is a few times this. */
const TURN_MS = 2;

/** Makes the plans, some in a turn. Those of routes whose settings are the very same objects as in `before` stay. */
export async function buildPlans(
  { loaded: { manifest }, appTls }: Unpacked,
  before: Built | null,
  deps: BuildDeps,
): Promise<Built> {
  const { clock } = deps;
  let left = AT_ONCE;
  let since = clock.now();
  const isOver = (): boolean => --left === 0 || clock.now() - since >= TURN_MS;
  const pause = async (): Promise<void> => {
    await deps.turn();
    left = AT_ONCE;
    since = clock.now();
  };
  const apps = new Map<AppSettings, CompiledApp>();
  const ruleOf = egressRules(manifest.egress);
  for (const app of manifest.apps) {
    apps.set(app, appOf(app, appTls.get(app.name) ?? null, ruleOf(app.network), before));
    if (isOver()) await pause();
  }
  const compileDeps = { clock, classify: createClassifiers() };
  const planHeaders = createPlanHeaders();
  const compiled = new Map<RouteSettings, { readonly compiled: Compiled; readonly plan: RoutePlan }>();
  const plans: RoutePlan[] = [];
  for (const route of manifest.routes) {
    const app = apps.get(route.app) as CompiledApp;
    let made = before?.compiled.get(route);
    if (made?.compiled.app === app) keepPlan(made.plan, app, deps);
    else {
      const anew = proved(compileRoute(route, app, compileDeps));
      made = { compiled: anew, plan: createPlan(anew, planHeaders, deps) };
      deps.planned(made.plan);
    }
    compiled.set(route, made);
    plans.push(made.plan);
    if (isOver()) await pause();
  }
  return { plans, apps, compiled };
}

function appOf(app: AppSettings, tls: CompiledApp["tls"], egress: EgressRule, before: Built | null): CompiledApp {
  const old = before?.apps.get(app);
  return old !== undefined && staysApp(old, tls, egress) ? old : proved(compileApp(app, tls, egress));
}

/** Of two processes of other libraries or settings, say. */
export class Unproved extends Error {}

/** It was compiled before, when it was prepared. */
function proved<T>(result: Result<T, { readonly message: string }>): T {
  if (!result.ok)
    throw new Unproved(`it does not compile here, although it did where it was read: ${result.error.message}`);
  return result.value;
}
