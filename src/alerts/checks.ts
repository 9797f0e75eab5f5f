import type { AlertMetric } from "../core/alert.ts";
import type { Clock, Timer } from "../core/clock.ts";

/** When it is time to check: on an interval that may change, and when somebody asks; one check at a time. */
export interface Checks {
  /** The interval from now on; it counts from the last check of all. The first comes soon after the start. */
  every(ms: number): void;
  /** Resolves once a check of all that begins now, or after the one under way, is done. */
  now(): Promise<void>;
  /**
   * One of this metric that begins after this comes soon: at once, or when the last one is a second ago. Many ask for
   * one check.
   */
  soon(metric: AlertMetric): void;
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

/** What a check is about; null is all. */
export type CheckOnly = ReadonlySet<AlertMetric> | null;

/** `check` never rejects. */
export function createChecks(clock: Clock, check: (only: CheckOnly) => Promise<void>): Checks {
  let intervalMs: number | null = null;
  let lastAt = clock.now();
  let first = true;
  let timer: Timer | null = null;
  let underWay: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  let stopped = false;
  let busy = false;
  let endedAt = Number.NEGATIVE_INFINITY;
  /** Asked for, and of no check yet: one that is under way may have seen less. */
  let wanted = new Set<AlertMetric>();
  let all = false;
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
  const queue = (): Promise<void> => {
    next ??= underWay.then(begin);
    underWay = next;
    return next;
  };
  const now = (): Promise<void> => {
    all = true;
    return queue();
  };
  const follow = (): void => {
    const waitMs = endedAt + APART_MS - clock.now();
    if (waitMs <= 0) void queue();
    else pause ??= clock.after(waitMs, () => void queue(), undefined);
  };
  const begin = async (): Promise<void> => {
    next = null;
    if (stopped) return;
    const only = all ? null : wanted;
    all = false;
    wanted = new Set();
    // One of a few metrics is no reason to put off the others.
    if (only === null) {
      lastAt = clock.now();
      first = false;
      arm();
    }
    dropPause();
    busy = true;
    await check(only);
    busy = false;
    endedAt = clock.now();
    if (wanted.size > 0 && next === null && !stopped) follow();
  };
  return {
    every(ms) {
      intervalMs = ms;
      arm();
    },
    now,
    soon(metric) {
      if (stopped) return;
      wanted.add(metric);
      if (!busy && next === null) follow();
    },
    async stop() {
      stopped = true;
      arm();
      dropPause();
      await underWay;
    },
  };
}
