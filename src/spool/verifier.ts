import type { Clock, Timer } from "../core/clock.ts";
import type { OutriggerEvent } from "../core/events.ts";
import type { JobOrigin, Poll, RouteName } from "../core/job.ts";
import type { Random } from "../core/random.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import type { Claimed, Lease, LeasedPoll, Spool } from "./port.ts";
import type { Shares } from "./shares.ts";
import { createPolled } from "./verifier.polled.ts";

/**
 * Asks apps whether they have done what they answered well to: claims what is due from the store, asks, and tells the
 * store what was found. It has slots of its own, so that no delivery waits for it, nor it for them.
 */
export interface Verifier {
  /** The routes of a manifest, from now on. What belongs to others waits. */
  apply(routes: readonly VerifyRoute[], shares: Shares): void;
  /** Reads what there is, and begins. */
  start(): Promise<void>;
  /** The store has one more of this route, which is due in `delayMs`. */
  begun(route: RouteName, delayMs: number): void;
  /** The store was away: what is due there is not known here any more. */
  unsure(): void;
  leases(): readonly Lease[];
  /** Ends what is under way and gives it back. Twice is safe. */
  stop(): Promise<void>;
}

/** What the verifier needs of a route of the manifest. */
export interface VerifyRoute extends RouteName {
  /** `app/capability`. */
  readonly key: string;
  readonly retry: RetrySettings;
  readonly onDead: "release" | "block";
  /** Null where nobody asks any more: then a good answer is enough. */
  readonly poll: {
    readonly intervalMs: number;
    /** One question to the upstream that had the good answer. Never rejects. */
    ask(poll: Poll, requestId: string, signal: AbortSignal): Promise<PollFound>;
  } | null;
}

/** `detail` is one clause for people. */
export type PollFound =
  | { readonly kind: "verified" }
  | { readonly kind: "failed"; readonly detail: string }
  | { readonly kind: "not_yet"; readonly detail: string; readonly retryAfterMs: number | null };

/** How it ended: for counts, health and events. */
export interface Verification extends RouteName {
  readonly at: number;
  /** The delivery's id; of a call without a record its request's. */
  readonly id: string;
  readonly requestId: string;
  readonly origin: JobOrigin;
  readonly upstream: string;
  /** Null where it was not asked. */
  readonly url: string | null;
  /** `unverified`: it could not be asked, or is not asked any more. */
  readonly result: "verified" | "failed" | "unverified";
  /** Null for a good one. */
  readonly detail: string | null;
  readonly polls: number;
}

export interface VerifierDeps {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: OutriggerEvent) => void;
  readonly backoffMs: (retry: RetrySettings, n: number) => number;
  readonly verified: (end: Verification) => void;
  /** A job of the route is queued again, or the next of its order key may go. */
  readonly freed: (route: RouteName) => void;
  /** A claim may have been made whose answer is lost: the store must hear which leases there are. */
  readonly lost: () => void;
}

interface State extends RouteName {
  route: VerifyRoute | null;
  /** The store may have some that are due. */
  due: boolean;
  claiming: boolean;
  /** When the next one is due there, as far as is known. */
  nextAt: number;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
const NEVER = Number.POSITIVE_INFINITY;

export function createVerifier(deps: VerifierDeps): Verifier {
  const { spool, clock } = deps;
  let known: ReadonlyMap<string, VerifyRoute> = new Map();
  const states = new Map<string, State>();
  /** Those with something due, the one that was served last at the end. */
  const due = new Set<State>();
  const waiting = new Set<State>();
  /** Asked now or about to be, by app. */
  const active = new Map<string, number>();
  const leased = new Set<Lease>();
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let total = 0;
  let shares: Shares = { concurrency: 1, perApp: 1 };
  let going = false;
  let scheduled = false;
  let timer: Timer | null = null;
  let failures = 0;
  let notBefore = 0;

  const polled = createPolled(deps);

  const stateOf = ({ app, capability }: RouteName): State => {
    const key = `${app}/${capability}`;
    let state = states.get(key);
    if (state === undefined) {
      state = { app, capability, route: known.get(key) ?? null, due: false, claiming: false, nextAt: NEVER };
      states.set(key, state);
    }
    return state;
  };
  const soon = (): void => {
    if (scheduled || !going) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  };
  const dueNow = (state: State): void => {
    state.due = true;
    due.add(state);
    soon();
  };
  const dueAt = (state: State, at: number): void => {
    if (at >= state.nextAt) return;
    state.nextAt = at;
    waiting.add(state);
    soon();
  };
  const book = (app: string, n: number): void => {
    total += n;
    const now = (active.get(app) ?? 0) + n;
    if (now === 0) active.delete(app);
    else active.set(app, now);
  };
  /** How many more of an app may be asked at once. One always may, so that apps that hang hold up no other. */
  const room = (app: string): number => {
    const own = active.get(app) ?? 0;
    return Math.max(Math.min(shares.perApp - own, shares.concurrency - total), own === 0 ? 1 : 0);
  };

  const pump = (): void => {
    if (!going) return;
    const now = clock.now();
    let next = NEVER;
    for (const state of waiting) {
      if (state.nextAt > now) {
        next = Math.min(next, state.nextAt);
        continue;
      }
      waiting.delete(state);
      state.nextAt = NEVER;
      state.due = true;
      due.add(state);
    }
    if (now < notBefore) next = Math.min(next, notBefore);
    else {
      for (const state of [...due]) {
        const max = room(state.app);
        if (max > 0 && !state.claiming && state.route !== null) run(claim(state, state.route, max));
      }
    }
    if (timer !== null) clock.cancel(timer);
    timer = next === NEVER ? null : clock.after(Math.max(0, next - now), pump, undefined);
  };
  const run = (done: Promise<void>): void => {
    const own = done.then(() => {
      running.delete(own);
      soon();
    });
    running.add(own);
  };

  const claim = async (state: State, route: VerifyRoute, max: number): Promise<void> => {
    const { app, capability } = state;
    state.claiming = true;
    state.due = false;
    due.delete(state);
    book(app, max);
    // What the store says of time is so old at most.
    const askedAt = clock.now();
    let got: Pick<Claimed, "polls" | "more" | "nextInMs"> = { polls: [], more: false, nextInMs: null };
    try {
      got = await spool.claim({ app, capability, lane: "verify", max, maxBytes: 0 });
      failures = 0;
    } catch {
      notBefore = clock.now() + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures++, 10));
      state.due = true;
      deps.lost();
    }
    state.claiming = false;
    book(app, got.polls.length - max);
    const now = clock.now();
    for (const poll of got.polls) run(ask(state, state.route ?? route, poll, askedAt));
    if (got.nextInMs !== null) dueAt(state, now + got.nextInMs);
    if (got.more || state.due) dueNow(state);
  };

  const ask = async (state: State, route: VerifyRoute, poll: LeasedPoll, claimedAt: number): Promise<void> => {
    leased.add(poll.lease);
    const found = (await route.poll?.ask(poll.poll, poll.requestId, stopping.signal)) ?? null;
    book(state.app, -1);
    soon();
    // The route may have another plan by now, or none.
    const again = await polled.ended(state.route ?? route, poll, found, claimedAt);
    leased.delete(poll.lease);
    if (again === "lost") dueNow(state);
    else if (again !== null) dueAt(state, clock.now() + again);
  };

  return {
    apply(routes, next) {
      shares = next;
      known = new Map(routes.map((route) => [route.key, route]));
      for (const [key, state] of states) state.route = known.get(key) ?? null;
      soon();
    },
    async start() {
      const { routes } = await spool.survey();
      if (stopping.signal.aborted) return;
      for (const found of routes) if (found.verifying > 0) dueNow(stateOf(found));
      going = true;
      pump();
    },
    begun: (route, delayMs) => dueAt(stateOf(route), clock.now() + delayMs),
    unsure() {
      for (const state of states.values()) dueNow(state);
    },
    leases: () => [...leased],
    async stop() {
      going = false;
      polled.stopping();
      stopping.abort();
      if (timer !== null) clock.cancel(timer);
      while (running.size > 0) await Promise.all(running);
    },
  };
}
