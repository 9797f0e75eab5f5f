import type { Reply, Worth } from "../core/exchange.ts";
import type { ParkCause, RouteName, TryRecord } from "../core/job.ts";
import type { RetrySettings } from "../core/settings.route.ts";
import type { JobLane, LeasedJob } from "./port.ts";

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
  /** Until one may, where that is known. */
  retryAfterMs(now: number): number | null;
  /** Takes a token of the app's rate limit: 0, or milliseconds until there is one. */
  readonly takeToken: ((now: number) => number) | null;
  /** One attempt, through the chain. Null where there is no memory for it now. */
  send(job: LeasedJob): Sending | null;
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
}

/** A job that is leased and waits for a slot. Times are `Clock.now()`. */
export interface Held {
  readonly job: LeasedJob;
  readonly claimedAt: number;
}

/** One lane of one route, as far as the main thread knows. */
export interface LaneState {
  readonly lane: JobLane;
  buffer: Held[];
  /** The store may have jobs that are due. */
  due: boolean;
  /** When the next one is due there. */
  nextAt: number | null;
  claiming: boolean;
  active: number;
}

export interface RouteState {
  readonly capability: string;
  readonly key: string;
  /** Null while no manifest names it. */
  route: DeliveryRoute | null;
  readonly app: AppState;
  readonly lanes: readonly [LaneState, LaneState];
  /** A send was refused for want of a slot: no other one is begun until then, or until one ends. */
  restUntil: number;
  /** 410 answers in a row. */
  gone: number;
  /** Why its jobs wait, as was last said. */
  parked: ParkCause | null;
  /** Said since, for people: Unix milliseconds. */
  parkedAt: number;
}

export interface AppState {
  readonly name: string;
  readonly routes: RouteState[];
  active: number;
  /** Where the next round begins. */
  turn: number;
}

export function createRouteState(app: AppState, capability: string): RouteState {
  const lane = (name: JobLane): LaneState => ({
    lane: name,
    buffer: [],
    due: false,
    nextAt: null,
    claiming: false,
    active: 0,
  });
  return {
    app,
    capability,
    key: `${app.name}/${capability}`,
    route: null,
    lanes: [lane("first"), lane("retry")],
    restUntil: 0,
    gone: 0,
    parked: null,
    parkedAt: 0,
  };
}

export const activeOf = (state: RouteState): number => state.lanes[0].active + state.lanes[1].active;
export const isWaiting = (state: RouteState): boolean =>
  state.lanes.some((lane) => lane.buffer.length > 0 || lane.due || lane.claiming || lane.nextAt !== null);

/** Of bodies that are leased and wait for a slot. */
export function heldBytes(state: RouteState): number {
  let bytes = 0;
  for (const { buffer } of state.lanes) for (const { job } of buffer) bytes += job.body.length;
  return bytes;
}
