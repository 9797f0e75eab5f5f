import type { Clock, Timer } from "../core/clock.ts";

/** Sees that something happens: one timer for the whole of a connection, however many chunks pass. */
export interface Watch {
  /** Something happened: the idle time begins anew. */
  readonly touch: () => void;
  /** From now on this many milliseconds may pass without anything happening. */
  readonly allow: (idleMs: number) => void;
  readonly stop: () => void;
}

/** `onLapse` hears once: of idleness, or of the `totalMs` that are over whatever happens. */
export function createWatch(
  clock: Clock,
  idleMs: number,
  totalMs: number,
  onLapse: (what: "idle" | "total") => void,
): Watch {
  const endsAt = clock.now() + totalMs;
  let allowedMs = idleMs;
  let lastAt = clock.now();
  let timer: Timer | null = null;

  const arm = (): void => {
    const now = clock.now();
    timer = clock.after(Math.min(lastAt + allowedMs, endsAt) - now, look, undefined);
  };
  const stop = (): void => {
    if (timer !== null) clock.cancel(timer);
    timer = null;
  };
  const look = (): void => {
    timer = null;
    const now = clock.now();
    if (now >= endsAt) onLapse("total");
    else if (now >= lastAt + allowedMs) onLapse("idle");
    else arm();
  };

  arm();
  return {
    touch: () => {
      lastAt = clock.now();
    },
    allow: (ms) => {
      if (timer === null) return;
      stop();
      allowedMs = ms;
      lastAt = clock.now();
      arm();
    },
    stop,
  };
}
