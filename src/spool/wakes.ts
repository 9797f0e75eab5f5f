/** When whom to look at again. */
export interface Wakes<T> {
  /** Its one time from now on; infinity: none. */
  set(one: T, at: number): void;
  /** The earliest time; infinity where there is none. */
  next(): number;
  /** Takes one out whose time has come. */
  take(now: number): T | undefined;
}

interface Entry<T> {
  readonly one: T;
  at: number;
  place: number;
}

/** A binary heap in which each knows its place, so that it holds no more entries than there is to wake. */
export function createWakes<T>(): Wakes<T> {
  const heap: Entry<T>[] = [];
  const entries = new Map<T, Entry<T>>();

  const put = (entry: Entry<T>, place: number): void => {
    heap[place] = entry;
    entry.place = place;
  };
  const rise = (entry: Entry<T>): void => {
    let place = entry.place;
    while (place > 0) {
      const above = heap[(place - 1) >> 1] as Entry<T>;
      if (above.at <= entry.at) break;
      put(above, place);
      place = (place - 1) >> 1;
    }
    put(entry, place);
  };
  const sink = (entry: Entry<T>): void => {
    let place = entry.place;
    for (let child = 2 * place + 1; child < heap.length; child = 2 * place + 1) {
      const [left, right] = [heap[child] as Entry<T>, heap[child + 1]];
      const below = right !== undefined && right.at < left.at ? right : left;
      if (below.at >= entry.at) break;
      const next = below.place;
      put(below, place);
      place = next;
    }
    put(entry, place);
  };
  const remove = (entry: Entry<T>): void => {
    entries.delete(entry.one);
    const last = heap.pop() as Entry<T>;
    if (last === entry) return;
    put(last, entry.place);
    rise(last);
    sink(last);
  };

  return {
    set(one, at) {
      const known = entries.get(one);
      if (at === Number.POSITIVE_INFINITY) {
        if (known !== undefined) remove(known);
        return;
      }
      if (known?.at === at) return;
      const entry = known ?? { one, at, place: heap.length };
      entry.at = at;
      if (known === undefined) {
        entries.set(one, entry);
        heap.push(entry);
      }
      rise(entry);
      sink(entry);
    },
    next: () => heap[0]?.at ?? Number.POSITIVE_INFINITY,
    take(now) {
      const first = heap[0];
      if (first === undefined || first.at > now) return undefined;
      remove(first);
      return first.one;
    },
  };
}
