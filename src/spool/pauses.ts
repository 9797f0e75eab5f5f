import type { StoredPause } from "../core/stored.ts";

/** Routes and apps whose jobs wait until an operator says so: paused by one, or parked by 410 answers. */
export interface Pauses {
  /** Why this route waits; null where it does not. */
  of(app: string, capability: string): StoredPause | null;
  /** Why all routes of this app wait; null where they do not as a whole. */
  ofApp(app: string): StoredPause | null;
  set(pause: StoredPause): void;
  /** False where there was nothing to end. Ending an app's pause leaves those of its single routes. */
  end(app: string, capability: string | null): boolean;
}

export interface PauseStore {
  /** Never waits and never fails: kept as soon as it can be. */
  save(pause: StoredPause): void;
  remove(app: string, capability: string | null): void;
}

export function createPauses(known: readonly StoredPause[], store: PauseStore): Pauses {
  const keyOf = (app: string, capability: string | null): string =>
    capability === null ? app : `${app}/${capability}`;
  const pauses = new Map(known.map((pause) => [keyOf(pause.app, pause.capability), pause]));
  return {
    // Asked for each job on its way: mostly there is none, and no key is made.
    of: (app, capability) =>
      pauses.size === 0 ? null : (pauses.get(app) ?? pauses.get(keyOf(app, capability)) ?? null),
    ofApp: (app) => pauses.get(app) ?? null,
    set(pause) {
      pauses.set(keyOf(pause.app, pause.capability), pause);
      store.save(pause);
    },
    end(app, capability) {
      const ended = pauses.delete(keyOf(app, capability));
      if (ended) store.remove(app, capability);
      return ended;
    },
  };
}
