import { type CallRow, cellsOf } from "../core/calls.stored.ts";
import { addTally, type CallScope, type CallTally, emptyTally } from "../core/calls.ts";

/**
 * Counts that are not written down yet. Of each minute only routes are counted, since that is on the request path;
 * their sums by app and in all are made when they leave.
 */
export interface HeldCalls {
  /** The counts of a route in a minute, to be added to. `app` null: a request that met no route. */
  of(minute: number, key: string, app: string | null, capability: string | null): CallTally;
  /** What was counted so far is to leave. */
  collect(): void;
  /** Gives out the next rows that are to leave; none at the end. What became of them is told by `done` or `failed`. */
  next(max: number): readonly CallRow[];
  done(): void;
  /** They are given out again. Where the storage thread died over them, they may be counted twice. */
  failed(): void;
  /** Tells all that is held of the scopes for which `wanted` has a listener; what was given out is not. */
  each(wanted: (key: string) => HeldListener | undefined): void;
}

export type HeldListener = (minute: number, tally: CallTally, key: string) => void;

interface Entry extends CallScope {
  readonly key: string;
  readonly minute: number;
  readonly tally: CallTally;
}

/** Routes and minutes that are held while they can't be written: beyond them the oldest minute is lost. */
const MAX_HELD = 32_768;

/** Names a scope: names have no slash. */
export function scopeKey({ app, capability }: CallScope): string {
  return capability === null ? (app ?? "") : `${app}/${capability}`;
}

export function createHeldCalls(): HeldCalls {
  let minutes = new Map<number, Map<string, Entry>>();
  let size = 0;
  /** The minute that was counted last: nearly always the one that is counted next. */
  let newest = -1;
  let newestEntries = new Map<string, Entry>();
  /** On their way: with the sums, in the order they leave. */
  let leaving: Entry[] = [];
  let away: readonly Entry[] = [];

  const entriesOf = (minute: number): Map<string, Entry> => {
    if (minute === newest) return newestEntries;
    newestEntries = minutes.get(minute) ?? new Map<string, Entry>();
    minutes.set(minute, newestEntries);
    newest = minute;
    return newestEntries;
  };
  const makeRoom = (): void => {
    const [oldest] = [...minutes.keys()].sort((a, b) => a - b);
    if (oldest === undefined) return;
    size -= minutes.get(oldest)?.size ?? 0;
    minutes.delete(oldest);
    newest = -1;
  };
  const takeAll = (): Entry[] => {
    const taken = minutes;
    minutes = new Map();
    size = 0;
    newest = -1;
    return [...taken].flatMap(([minute, entries]) => {
      const sums = sumsOf(minute, entries);
      return [...[...entries.values()].filter(({ app }) => app !== null), ...sums];
    });
  };
  return {
    of(minute, key, app, capability) {
      const known = entriesOf(minute).get(key);
      if (known !== undefined) return known.tally;
      if (size >= MAX_HELD) makeRoom();
      const entry: Entry = { key, minute, app, capability, tally: emptyTally() };
      entriesOf(minute).set(key, entry);
      size++;
      return entry.tally;
    },
    collect() {
      leaving = [...leaving, ...takeAll()];
    },
    next(max) {
      away = leaving.slice(0, max);
      leaving = leaving.slice(max);
      return away.map(({ app, capability, minute, tally }) => ({ app, capability, minute, cells: cellsOf(tally) }));
    },
    done() {
      away = [];
    },
    failed() {
      leaving = [...away, ...leaving];
      away = [];
    },
    each(wanted) {
      for (const { key, minute, tally } of leaving) wanted(key)?.(minute, tally, key);
      for (const [minute, entries] of minutes) {
        for (const { key, app, tally } of entries.values()) {
          if (app !== null) {
            wanted(key)?.(minute, tally, key);
            wanted(app)?.(minute, tally, app);
          }
          wanted(ALL)?.(minute, tally, ALL);
        }
      }
    },
  };
}

const ALL = "";

/** Of the routes of one minute: by app, and in all. What met no route is in the last only. */
function sumsOf(minute: number, entries: Map<string, Entry>): Entry[] {
  const sums = new Map<string, Entry>();
  const add = (key: string, app: string | null, tally: CallTally): void => {
    const sum = sums.get(key) ?? { key, minute, app, capability: null, tally: emptyTally() };
    sums.set(key, sum);
    addTally(sum.tally, tally);
  };
  for (const { app, tally } of entries.values()) {
    if (app !== null) add(app, app, tally);
    add(ALL, null, tally);
  }
  return [...sums.values()];
}
