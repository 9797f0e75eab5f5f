import type { Reply, Worth } from "../core/exchange.ts";
import type { ParkCause, RouteName, TryRecord } from "../core/job.ts";
import { Link } from "../core/linked.ts";
import type { Result } from "../core/result.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import type { JobLane, LeasedJob, Verifying } from "./port.ts";
import { createReady, type Ready, Standing } from "./ready.ts";

/** What the deliverer needs of a route of the manifest. */
export interface DeliveryRoute extends RouteName {
  /** `app/capability`. */
  readonly key: string;
  /** 0 is most urgent, within the app. */
  readonly priority: number;
  readonly retry: RetrySettings;
  readonly onDead: "release" | "block";
  /** Would an upstream take a call now? */
  admits(now: number): boolean;
  /** Would a call that an upstream takes now be the trial of its breaker? */
  onTrial(now: number): boolean;
  /** Until one may, where that is known. */
  retryAfterMs(now: number): number | null;
  /** Takes a token of the app's rate limit, which its routes share: 0, or milliseconds until there is one. */
  readonly takeToken: ((now: number) => number) | null;
  /** Is there memory for it now? */
  fits(job: LeasedJob): boolean;
  /** One attempt, through the chain. Only in the turn in which it fits. */
  send(job: LeasedJob): Sending;
}

export interface Sending {
  readonly done: Promise<Sent>;
  /** Ends it: the process stops. */
  abort(): void;
}

export interface Sent {
  readonly reply: Reply;
  readonly worth: Worth;
  readonly tries: readonly TryRecord[];
  readonly trial: boolean;
  readonly aborted: boolean;
  readonly repeatable: boolean;
  /** One of these sends may have arrived, and brought no answer. */
  readonly inDoubt: boolean;
  /** Of a good answer: what its app is to be asked, or why it can't be; null where nobody asks. */
  readonly verify: Result<Verifying, string> | null;
}

/** A job that is leased and waits for a slot. Times are `Clock.now()`. */
export interface Held {
  readonly job: LeasedJob;
  readonly claimedAt: number;
}

/** One lane of one route, as far as the main thread knows. */
export interface LaneState {
  readonly lane: JobLane;
  /** Changed only by `Buffers`. */
  buffer: Held[];
  bytes: number;
  /** The store may have jobs that are due. */
  due: boolean;
  /** When the next one is due there. */
  nextAt: number | null;
  claiming: boolean;
  active: number;
}

export class RouteState {
  readonly app: AppState;
  readonly capability: string;
  readonly key: string;
  /** Null while no manifest names it. */
  route: DeliveryRoute | null = null;
  readonly lanes: readonly [LaneState, LaneState] = [createLane("first"), createLane("retry")];
  /** It has due jobs, and nothing is in their way but shares, pace and memory. As of the last look, like `due`. */
  open = false;
  /** Of an open one: which lanes are due. */
  readonly due: [boolean, boolean] = [false, false];
  /** How many ends of its jobs the store has not heard of yet. */
  settling = 0;
  /** A send was refused for want of a slot: no other one is begun until then, or until one ends. */
  restUntil = 0;
  /** Why its jobs wait, as was last said. */
  parked: ParkCause | null = null;
  /** Said since, for people: Unix milliseconds. */
  parkedAt = 0;
  /** Among those that `Agenda` looks at next, and those whose jobs it has fetched. */
  readonly touched: Link<RouteState> = new Link<RouteState>(this);
  readonly hungry: Link<RouteState> = new Link<RouteState>(this);
  /** In its app's `Ready`. */
  readonly standing: Standing = new Standing(this);

  constructor(app: AppState, capability: string) {
    this.app = app;
    this.capability = capability;
    this.key = `${app.name}/${capability}`;
  }
}

export class AppState {
  readonly name: string;
  readonly routes: RouteState[] = [];
  active = 0;
  /** By lane: under way; and how many open routes are due. */
  readonly activeIn: [number, number] = [0, 0];
  readonly dueIn: [number, number] = [0, 0];
  /** How many routes are open. */
  open = 0;
  /** It has something under way or due, as `Agenda` last saw it. */
  busy = false;
  /** No token of the rate limit until then. */
  pacedUntil = 0;
  readonly ready: Ready = createReady();
  /** Among those that may start something. */
  readonly turn: Link<AppState> = new Link<AppState>(this);

  constructor(name: string) {
    this.name = name;
  }
}

function createLane(lane: JobLane): LaneState {
  return { lane, buffer: [], bytes: 0, due: false, nextAt: null, claiming: false, active: 0 };
}

export const activeOf = (state: RouteState): number => state.lanes[0].active + state.lanes[1].active;
export const isWaiting = (state: RouteState): boolean =>
  state.lanes.some((lane) => lane.buffer.length > 0 || lane.due || lane.claiming || lane.nextAt !== null);

/** Also while its jobs are being fetched: in that moment another must not take what is left for it. */
export const isDue = ({ buffer, due, claiming }: LaneState): boolean => buffer.length > 0 || due || claiming;
/** Bytes of what is leased and waits for a slot. */
export const heldBytes = ({ lanes }: RouteState): number => lanes[0].bytes + lanes[1].bytes;
