import type { RouteName } from "../core/job.ts";
import { type AppState, activeOf, createRouteState, isWaiting, type RouteState } from "./route.ts";

/** Every route that has a manifest or jobs, and which of them there is something to do for. */
export interface Registry {
  state(route: RouteName): RouteState;
  find(app: string, capability: string): RouteState | undefined;
  of(app: string): readonly RouteState[];
  all(): Iterable<RouteState>;
  /** There may be something to do for it now, or later. */
  touch(state: RouteState): void;
  /** Those that were touched, by app, less those that have come to rest. */
  lively(): ReadonlyMap<AppState, readonly RouteState[]>;
}

export function createRegistry(): Registry {
  const apps = new Map<string, AppState>();
  const states = new Map<string, RouteState>();
  const touched = new Set<RouteState>();
  return {
    state({ app, capability }) {
      const key = `${app}/${capability}`;
      let state = states.get(key);
      if (state === undefined) {
        const own: AppState = apps.get(app) ?? { name: app, routes: [], active: 0, turn: 0 };
        apps.set(app, own);
        state = createRouteState(own, capability);
        own.routes.push(state);
        states.set(key, state);
      }
      return state;
    },
    find: (app, capability) => states.get(`${app}/${capability}`),
    of: (app) => apps.get(app)?.routes ?? [],
    all: () => states.values(),
    touch: (state) => void touched.add(state),
    lively() {
      const byApp = new Map<AppState, RouteState[]>();
      for (const state of touched) {
        if (!isWaiting(state) && activeOf(state) === 0) {
          touched.delete(state);
          continue;
        }
        const own = byApp.get(state.app);
        if (own === undefined) byApp.set(state.app, [state]);
        else own.push(state);
      }
      return byApp;
    },
  };
}
