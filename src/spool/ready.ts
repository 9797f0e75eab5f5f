import { Link, LinkedList } from "../core/linked.ts";
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

/** One object serves for many: it is asked for each job on its way. */
export interface Want {
  /** Which lanes have their share free. */
  first: boolean;
  retry: boolean;
  /** Also those that need a token of the rate limit? */
  paced: boolean;
  /** Few are refused, for each that is passed over is looked at. */
  readonly may: (state: RouteState) => boolean;
}

/** 0 is most urgent. */
const PRIORITIES = 10;

/** Where a route stands. */
export class Standing {
  /** By lane: its place in the queue where it is, if it is in one. */
  readonly links: readonly [Link<RouteState>, Link<RouteState>];
  ready = false;
  paced = false;
  /** When it came, or had its turn. */
  stamp = 0;
  /** The lane it begins with. */
  lane: 0 | 1 = 0;

  constructor(state: RouteState) {
    this.links = [new Link(state), new Link(state)];
  }
}

const LANES = [0, 1] as const;

export function createReady(): Ready {
  const queues: (LinkedList<RouteState> | undefined)[] = [];
  const members: [number, number] = [0, 0];
  let stamp = 0;

  const at = (lane: number, paced: boolean, priority: number): number => (priority * 2 + lane) * 2 + (paced ? 1 : 0);
  const queueOf = ({ route }: RouteState, lane: number): LinkedList<RouteState> => {
    const priority = Math.min(PRIORITIES - 1, Math.max(0, route?.priority ?? 0));
    const i = at(lane, route?.takeToken != null, priority);
    const queue = queues[i] ?? new LinkedList();
    queues[i] = queue;
    return queue;
  };
  const first = (queue: LinkedList<RouteState> | undefined, may: Want["may"]): RouteState | null => {
    for (let link = queue?.first ?? null; link !== null; link = link.after) if (may(link.value)) return link.value;
    return null;
  };
  const leave = (own: Standing): void => {
    for (const link of own.links) link.leave();
    own.ready = false;
    members[own.paced ? 1 : 0]--;
  };
  const stand = (state: RouteState, lane: 0 | 1, wanted: boolean): void => {
    const link = state.standing.links[lane];
    if (wanted) queueOf(state, lane).add(link);
    else link.leave();
  };
  const enter = (own: Standing, paced: boolean): void => {
    own.ready = true;
    own.paced = paced;
    own.stamp = ++stamp;
    own.lane = 0;
    members[paced ? 1 : 0]++;
  };

  return {
    place(state, first, retry) {
      const own = state.standing;
      const paced = state.route?.takeToken != null;
      const wanted = first || retry;
      if (own.ready && (own.paced !== paced || !wanted)) leave(own);
      if (!wanted) return;
      if (!own.ready) enter(own, paced);
      stand(state, 0, first);
      stand(state, 1, retry);
    },
    served({ standing: own }, lane) {
      if (!own.ready) return;
      own.stamp = ++stamp;
      own.lane = lane === 0 ? 1 : 0;
      for (const link of own.links) {
        const queue = link.list;
        if (queue?.delete(link)) queue.add(link);
      }
    },
    any: (paced) => members[paced ? 1 : 0] > 0,
    pick(want) {
      for (let priority = 0; priority < PRIORITIES; priority++) {
        let best: { state: RouteState; lane: 0 | 1 } | null = null;
        for (const lane of LANES) {
          if (!(lane === 0 ? want.first : want.retry)) continue;
          for (let pace = 0; pace <= (want.paced ? 1 : 0); pace++) {
            const state = first(queues[at(lane, pace === 1, priority)], want.may);
            if (state === null) continue;
            const { standing } = state;
            const sooner =
              best === null ||
              (best.state === state ? standing.lane === lane : standing.stamp < best.state.standing.stamp);
            if (sooner) best = { state, lane };
          }
        }
        if (best !== null) return best;
      }
      return null;
    },
  };
}
