import { useEffect, useState } from "preact/hooks";

/** A value that parts of the page share, and the hook that draws them again when it changes. */
export interface Store<T> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

export function createStore<T>(first: T): Store<T> {
  let value = first;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState(0);
  useEffect(() => {
    let seen = store.get();
    const look = (): void => {
      if (Object.is(seen, store.get())) return;
      seen = store.get();
      redraw((n) => n + 1);
    };
    redraw((n) => n + 1);
    return store.subscribe(look);
  }, [store]);
  return store.get();
}
