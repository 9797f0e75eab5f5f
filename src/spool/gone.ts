/** How many answers of 410 in a row each route has had: three park it, also where a restart comes between them. */
export interface GoneCounts {
  /** One more; how many these are. */
  add(route: string): number;
  /** Its app is there, or the route is parked: the count begins anew. */
  clear(route: string): void;
}

export type GoneByRoute = Readonly<Record<string, number>>;

/** `save` is told all of them: never waits and never fails. Routes are `app/capability`. */
export function createGoneCounts(known: GoneByRoute, save: (counts: GoneByRoute) => void): GoneCounts {
  const counts = new Map(Object.entries(known));
  const changed = (): void => save(Object.fromEntries(counts));
  return {
    add(route) {
      const n = (counts.get(route) ?? 0) + 1;
      counts.set(route, n);
      changed();
      return n;
    },
    clear(route) {
      if (counts.delete(route)) changed();
    },
  };
}
