import type { Clock, Timer } from "../core/clock.ts";

/** When it is time to check: on an interval that may change, and when somebody asks; one check at a time. */
export interface Checks {
  /** The interval from now on; it counts from the last check. The first comes soon after the start. */
  every(ms: number): void;
  /** Resolves once a check that begins now, or after the one under way, is done. */
  now(): Promise<void>;
  /** One that begins after this comes soon: at once, or when the last one is a second ago. Many ask for one check. */
  soon(): void;
  /** No check begins any more. Resolves when that under way is done. */
  stop(): Promise<void>;
}

/**
 * The first check comes this soon after the start: whoever starts a sidecar into trouble wants to know. By then probes
 * have been made; what is measured over a time comes from the history, and few samples say nothing.
 */
const FIRST_MS = 10_000;

/** What is told of soon may be told of again and again: checks must not follow each other without a pause. */
const APART_MS = 1_000;

/** `check` never rejects. */
export function createChecks(clock: Clock, check: () => Promise<void>): Checks {
  let intervalMs: number | null = null;
  let lastAt = clock.now();
  let first = true;
  let timer: Timer | null = null;
  let underWay: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  let stopped = false;
  let busy = false;
  let endedAt = Number.NEGATIVE_INFINITY;
  /** Asked for while one was under way, which may have seen less. */
  let again = false;
  let pause: Timer | null = null;

  const arm = (): void => {
    if (timer !== null) clock.cancel(timer);
    timer = null;
    if (intervalMs === null || stopped) return;
    const spanMs = first ? Math.min(intervalMs, FIRST_MS) : intervalMs;
    timer = clock.after(Math.max(lastAt + spanMs - clock.now(), 0), () => void now(), undefined);
  };
  const dropPause = (): void => {
    if (pause !== null) clock.cancel(pause);
    pause = null;
  };
  const follow = (): void => {
    const waitMs = endedAt + APART_MS - clock.now();
    if (waitMs <= 0) void now();
    else pause ??= clock.after(waitMs, () => void now(), undefined);
  };
  const begin = async (): Promise<void> => {
    next = null;
    if (stopped) return;
    lastAt = clock.now();
    first = false;
    arm();
    dropPause();
    again = false;
    busy = true;
    await check();
    busy = false;
    endedAt = clock.now();
    if (again && !stopped) follow();
  };
  const now = (): Promise<void> => {
    next ??= underWay.then(begin);
    underWay = next;
    return next;
  };
  return {
    every(ms) {
      intervalMs = ms;
      arm();
    },
    now,
    soon() {
      if (stopped || next !== null) return;
      if (busy) again = true;
      else follow();
    },
    async stop() {
      stopped = true;
      arm();
      dropPause();
      await underWay;
    },
  };
}
