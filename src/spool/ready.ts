import type { RouteState } from "./route.ts";

/** Of one app: the routes that have a job here which may go, so that the next one is found without a look at the others. */
export interface Ready {
  /** Puts the route where it belongs, or takes it out. What comes anew comes last among its equals. */
  place(state: RouteState, first: boolean, retry: boolean): void;
  /** It had its turn: its equals go first now, and its other lane next time. */
  served(state: RouteState, lane: 0 | 1): void;
  /** Whether there is one, of those that a rate limit paces or of the others. */
  any(paced: boolean): boolean;
  /** The most urgent that may go, of equals the one that waits longest; and in which lane. */
  pick(want: Want): { readonly state: RouteState; readonly lane: 0 | 1 } | null;
}

export interface Want {
  /** Which lanes have their share free. */
  readonly lanes: readonly [boolean, boolean];
  /** Also those that need a token of the rate limit? */
  readonly paced: boolean;
  /** Few are refused, for each that is passed over is looked at. */
  readonly may: (state: RouteState) => boolean;
}

/** 0 is most urgent. */
const PRIORITIES = 10;

/** Where a route stands. */
interface Standing {
  /** Which it is in, by lane. */
  readonly queues: [Set<RouteState> | null, Set<RouteState> | null];
  paced: boolean;
  /** When it came, or had its turn. */
  stamp: number;
  /** The lane it begins with. */
  lane: 0 | 1;
}

export function createReady(): Ready {
  const standings = new Map<RouteState, Standing>();
  const queues: (Set<RouteState> | undefined)[] = [];
  const members: [number, number] = [0, 0];
  let stamp = 0;

  const at = (lane: number, paced: boolean, priority: number): number => (priority * 2 + lane) * 2 + (paced ? 1 : 0);
  const queueOf = ({ route }: RouteState, lane: number): Set<RouteState> => {
    const priority = Math.min(PRIORITIES - 1, Math.max(0, route?.priority ?? 0));
    const i = at(lane, route?.takeToken != null, priority);
    const queue = queues[i] ?? new Set();
    queues[i] = queue;
    return queue;
  };
  const first = (queue: Set<RouteState> | undefined, may: Want["may"]): RouteState | null => {
    if (queue === undefined) return null;
    for (const state of queue) if (may(state)) return state;
    return null;
  };
  const leave = (state: RouteState, own: Standing): void => {
    for (const queue of own.queues) queue?.delete(state);
    standings.delete(state);
    members[own.paced ? 1 : 0]--;
  };

  return {
    place(state, ...wanted) {
      const paced = state.route?.takeToken != null;
      let own = standings.get(state);
      if (own !== undefined && (own.paced !== paced || !wanted.includes(true))) {
        leave(state, own);
        own = undefined;
      }
      if (!wanted.includes(true)) return;
      if (own === undefined) {
        own = { queues: [null, null], paced, stamp: ++stamp, lane: 0 };
        standings.set(state, own);
        members[paced ? 1 : 0]++;
      }
      for (const lane of [0, 1] as const) {
        const queue = wanted[lane] === true ? queueOf(state, lane) : null;
        if (own.queues[lane] === queue) continue;
        own.queues[lane]?.delete(state);
        queue?.add(state);
        own.queues[lane] = queue;
      }
    },
    served(state, lane) {
      const own = standings.get(state);
      if (own === undefined) return;
      own.stamp = ++stamp;
      own.lane = lane === 0 ? 1 : 0;
      for (const queue of own.queues) if (queue?.delete(state)) queue.add(state);
    },
    any: (paced) => members[paced ? 1 : 0] > 0,
    pick({ lanes, paced, may }) {
      for (let priority = 0; priority < PRIORITIES; priority++) {
        let best: { state: RouteState; lane: 0 | 1; own: Standing } | null = null;
        for (const lane of [0, 1] as const) {
          for (const pace of [false, true]) {
            if (!lanes[lane] || (pace && !paced)) continue;
            const state = first(queues[at(lane, pace, priority)], may);
            const own = state === null ? undefined : standings.get(state);
            if (state === null || own === undefined) continue;
            const sooner = best === null || (best.state === state ? own.lane === lane : own.stamp < best.own.stamp);
            if (sooner) best = { state, lane, own };
          }
        }
        if (best !== null) return best;
      }
      return null;
    },
  };
}
