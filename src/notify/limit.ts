import type { Clock } from "../core/clock.ts";
import type { NoticeType } from "./notice.ts";

/**
 * So many notifications a minute reach somebody one by one. What is more is counted by type, and told as one when the
 * minute is over: whoever gets a thousand mails reads none.
 */
export interface MinuteLimit {
  /** May one more pass? Else it is counted. `perMinute` is null where there is no bound. */
  admit(type: NoticeType, perMinute: number | null): boolean;
  /** Tells what is counted now, and forgets all. */
  flush(): void;
}

const MINUTE_MS = 60_000;

export function createMinuteLimit(clock: Clock, tell: (held: ReadonlyMap<NoticeType, number>) => void): MinuteLimit {
  let startedAt = Number.NEGATIVE_INFINITY;
  let passed = 0;
  let held = new Map<NoticeType, number>();
  let timer: object | null = null;
  const flush = (): void => {
    if (timer !== null) clock.cancel(timer);
    timer = null;
    const told = held;
    held = new Map();
    if (told.size > 0) tell(told);
  };
  return {
    admit(type, perMinute) {
      if (perMinute === null) return true;
      const now = clock.now();
      if (now - startedAt >= MINUTE_MS) {
        flush();
        startedAt = now;
        passed = 0;
      }
      if (passed < perMinute) {
        passed++;
        return true;
      }
      held.set(type, (held.get(type) ?? 0) + 1);
      timer ??= clock.after(startedAt + MINUTE_MS - now, flush, undefined);
      return false;
    },
    flush,
  };
}
