import type { RouteName } from "../core/job.ts";
import { type AppState, createAppState, createRouteState, type RouteState } from "./route.ts";

/** Every route that has a manifest or jobs. */
export interface Registry {
  state(route: RouteName): RouteState;
  find(app: string, capability: string): RouteState | undefined;
  of(app: string): readonly RouteState[];
  all(): Iterable<RouteState>;
}

export function createRegistry(): Registry {
  const apps = new Map<string, AppState>();
  const states = new Map<string, RouteState>();
  return {
    state({ app, capability }) {
      const key = `${app}/${capability}`;
      let state = states.get(key);
      if (state === undefined) {
        const own = apps.get(app) ?? createAppState(app);
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
  };
}
