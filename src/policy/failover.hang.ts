import type { Clock, Timer } from "../core/clock.ts";
import type { ProbeReport } from "../core/health.ts";
import {
  createWaiting,
  enter,
  forgetNormal,
  leave,
  limitOf,
  type Movable,
  oldestAt,
  type Place,
  type Waiting,
} from "./failover.waiting.ts";

/** Watches the requests that wait for one upstream, so that one which hangs is found before they run out of time. */
export interface HangWatch {
  /** What is normal for a route here: the same object each time, kept while the process lives. */
  route(key: string): Waiting;
  /** A request is sent now, or waits for a slot (then its `sentAt` is to be infinite). It must `leave` in the end. */
  enter(waiting: Waiting, request: Movable & { readonly tryMs: number }, now: number, movable: boolean): Place;
  /** It has its slot and is sent now: until then the app did not keep it waiting. */
  sent(place: Place, now: number, movable: boolean): void;
  /** Forgets routes that are not named and have nothing under way. */
  retain(keys: ReadonlySet<string>): void;
  /** It answered something, so no request that was sent before is known to wait in vain. */
  alive(now: number): void;
  /** All that waited go on to another upstream, but for those that may not be sent twice: they are only let be. */
  moveAll(): void;
  stop(): void;
}

export interface HangDeps {
  readonly clock: Clock;
  /** As of now. */
  readonly rules: { readonly hangAfterMs: number; readonly windowMs: number; readonly probeTimeoutMs: number };
  /** One probe, begun at once; where one is under way, that one. */
  readonly probe: (timeoutMs: number) => Promise<ProbeReport>;
  /** A probe failed while a request was over its limit, sent at `sentAt`. */
  readonly onHang: (sentAt: number) => void;
}

/** One upstream's watch. Its one timer stands only while something waits. */
export function createHangWatch(deps: HangDeps): HangWatch {
  const { clock, rules, probe, onHang } = deps;
  const routes = new Map<string, Waiting>();
  let timer: Timer | null = null;
  let dueAt = Number.POSITIVE_INFINITY;
  let probing = false;
  let stopped = false;
  /** Life was proved then: what was sent before is suspected anew only after this. */
  let provedAt = Number.NEGATIVE_INFINITY;

  const arm = (at: number, now: number): void => {
    if (at >= dueAt || stopped) return;
    if (timer !== null) clock.cancel(timer);
    dueAt = at;
    timer = clock.after(at - now, look, undefined);
  };

  /** The request that is nearest to its limit, or furthest over it. */
  const nearest = (): { readonly waiting: Waiting; readonly halfAt: number } | null => {
    let found: { waiting: Waiting; halfAt: number } | null = null;
    for (const waiting of routes.values()) {
      const halfAt = Math.max(oldestAt(waiting), provedAt) + waiting.limitMs / 2;
      if (oldestAt(waiting) < Number.POSITIVE_INFINITY && (found === null || halfAt < found.halfAt)) {
        found = { waiting, halfAt };
      }
    }
    return found;
  };

  function look(): void {
    timer = null;
    dueAt = Number.POSITIVE_INFINITY;
    const now = clock.now();
    const suspect = nearest();
    if (suspect === null || probing || stopped) return;
    if (suspect.halfAt > now) arm(suspect.halfAt, now);
    else void suspected(suspect.waiting);
  }

  async function suspected(waiting: Waiting): Promise<void> {
    probing = true;
    const sentAt = oldestAt(waiting);
    const overAt = Math.max(sentAt, provedAt) + waiting.limitMs;
    const left = overAt - clock.now();
    const asked = provedAt;
    const { answered } = await probe(Math.max(left, rules.probeTimeoutMs));
    if (stopped) return;
    const now = clock.now();
    if (answered) alive(now);
    if (answered || now >= overAt) judge();
    // One that was refused, or had begun for another reason, failed early: the request has until its limit all the same.
    else timer = clock.after(overAt - now, judge, undefined);

    function judge(): void {
      timer = null;
      probing = false;
      const silent = provedAt === asked;
      // Either it lives, or traffic leaves it, or there is nowhere to go: what waits still is suspected anew later.
      if (silent) alive(clock.now());
      // Where the request was answered meanwhile, the probe's failure counts as every other one's.
      if (silent && oldestAt(waiting) === sentAt) onHang(sentAt);
      look();
    }
  }

  function alive(now: number): void {
    provedAt = Math.max(provedAt, now);
  }

  return {
    route(key) {
      const known = routes.get(key);
      const { windowMs } = rules;
      if (known?.windowMs === windowMs) return known;
      if (known !== undefined) return forgetNormal(known, windowMs, clock.now());
      const waiting = createWaiting(windowMs, clock.now());
      routes.set(key, waiting);
      return waiting;
    },
    enter(waiting, request, now, movable) {
      const limitMs = limitOf(waiting, rules.hangAfterMs, request.tryMs, now);
      if (!probing) arm(now + limitMs / 2, now);
      return enter(waiting, request, now, movable);
    },
    sent(place, now, movable) {
      place.sentAt = now;
      place.movable = movable;
      // While all waited for slots, nothing stood on the clock.
      if (!probing) arm(now + place.waiting.limitMs / 2, now);
    },
    retain(keys) {
      for (const [key, waiting] of routes) if (!keys.has(key) && waiting.first === null) routes.delete(key);
    },
    alive,
    moveAll() {
      for (const waiting of routes.values()) {
        for (let place = waiting.first; place !== null; place = waiting.first) {
          leave(place);
          if (place.movable) place.request.onMove?.();
        }
      }
    },
    stop() {
      stopped = true;
      if (timer !== null) clock.cancel(timer);
      timer = null;
    },
  };
}
