import type { Clock, Timer } from "../core/clock.ts";
import { eventLabel } from "../core/event.record.ts";
import type { FallbackUsed } from "../core/events.ts";

/**
 * Fallbacks come by the thousand when an app is down: of those of one app, capability, reason and room the first is
 * told at once, and what follows within a minute as one, with a count.
 */
export interface Grouping {
  add(event: FallbackUsed): void;
  /** Tells now what was counted, and forgets all. */
  flush(): void;
}

const WINDOW_MS = 60_000;
/** A caller chooses the names of rooms: beyond this many, rooms of one route and reason share a group. */
const MAX_ROOMS = 1000;

interface Group {
  readonly key: string;
  /** Since the last one was told, and the newest of them. */
  count: number;
  newest: FallbackUsed;
  timer: Timer;
}

/** `tell` gets the newest event of a group and how many it stands for. */
export function createGrouping(clock: Clock, tell: (event: FallbackUsed, count: number) => void): Grouping {
  const groups = new Map<string, Group>();

  const told = (group: Group): void => {
    const { count, newest } = group;
    group.count = 0;
    if (count > 0) tell(newest, count);
  };
  const expire = (group: Group): void => {
    if (group.count === 0) groups.delete(group.key);
    else group.timer = clock.after(WINDOW_MS, expire, group);
    told(group);
  };
  const groupOf = (event: FallbackUsed): Group | undefined => {
    const { route, reason } = event;
    const shared = JSON.stringify([route.key, reason]);
    const room = eventLabel(event, "room");
    const own = room === null ? shared : JSON.stringify([route.key, reason, room]);
    const known = groups.get(own);
    const key = known !== undefined || groups.size < MAX_ROOMS ? own : shared;
    const group = known ?? groups.get(key);
    if (group !== undefined) return group;
    const made: Group = { key, count: 0, newest: event, timer: {} };
    made.timer = clock.after(WINDOW_MS, expire, made);
    groups.set(key, made);
    return undefined;
  };
  return {
    add(event) {
      const group = groupOf(event);
      if (group === undefined) return tell(event, 1);
      group.count++;
      group.newest = event;
    },
    flush() {
      for (const group of groups.values()) {
        clock.cancel(group.timer);
        told(group);
      }
      groups.clear();
    },
  };
}
