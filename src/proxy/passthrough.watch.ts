import type { Clock, Timer } from "../core/clock.ts";

/** Looks for what moves in the time in which it must: it is seen so much late at most. */
const LOOKS = 4;

/** Sees that something happens: one timer for the whole of a connection, however many chunks pass. */
export interface Watch {
  /** Something happened: the idle time begins anew. */
  readonly touch: () => void;
  /**
   * From now on this many milliseconds may pass without anything happening; that the number of `moved` is another than
   * before is something, too.
   */
  readonly allow: (idleMs: number, moved?: () => number) => void;
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
  let progress: (() => number) | undefined;
  let marked = 0;
  let timer: Timer | null = null;

  const arm = (): void => {
    const now = clock.now();
    const lookAt = progress === undefined ? endsAt : now + allowedMs / LOOKS;
    timer = clock.after(Math.min(lastAt + allowedMs, endsAt, lookAt) - now, look, undefined);
  };
  const stop = (): void => {
    if (timer !== null) clock.cancel(timer);
    timer = null;
  };
  const look = (): void => {
    timer = null;
    const now = clock.now();
    const at = progress?.() ?? marked;
    if (at !== marked) lastAt = now;
    marked = at;
    if (now >= endsAt) onLapse("total");
    else if (now >= lastAt + allowedMs) onLapse("idle");
    else arm();
  };

  arm();
  return {
    touch: () => {
      lastAt = clock.now();
    },
    allow: (ms, moved) => {
      if (timer === null) return;
      stop();
      allowedMs = ms;
      progress = moved;
      marked = moved?.() ?? 0;
      lastAt = clock.now();
      arm();
    },
    stop,
  };
}
