import { OWN_APP, type RouteName } from "../core/job.ts";
import { AppState, RouteState } from "./route.ts";

/** Every route that has a manifest or jobs. */
export interface Registry {
  /** `key` is `app/capability`: where that is at hand it need not be put together, and hashed, anew. */
  state(route: RouteName, key?: string): RouteState;
  find(app: string, capability: string): RouteState | undefined;
  of(app: string): readonly RouteState[];
  all(): Iterable<RouteState>;
  /** That of our own jobs. */
  readonly own: AppState;
}

export function createRegistry(): Registry {
  const own = new AppState(OWN_APP);
  const apps = new Map<string, AppState>([[OWN_APP, own]]);
  const states = new Map<string, RouteState>();
  return {
    own,
    state({ app, capability }, key = `${app}/${capability}`) {
      let state = states.get(key);
      if (state === undefined) {
        const its = apps.get(app) ?? new AppState(app);
        apps.set(app, its);
        state = new RouteState(its, capability);
        its.routes.push(state);
        states.set(key, state);
      }
      return state;
    },
    find: (app, capability) => states.get(`${app}/${capability}`),
    of: (app) => apps.get(app)?.routes ?? [],
    all: () => states.values(),
  };
}
